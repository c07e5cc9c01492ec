import { editDocuments, linesOf, type DocumentedPolicy } from './document-edit.js'
import { mergeDocuments } from './document.js'
import { diffParts } from './part-change.js'
import { editParts } from './part-edit.js'
import type { Policy } from './policy.js'
import { diffRules } from './rule-diff.js'
import type { PolicyFile } from './yaml-source.js'

/**
 * Writes into the documents of a policy what others changed meanwhile, so that all else in them
 * stays as it was written. A rule that others added comes with the comment above it.
 * @param yours the policy with its documents.
 * @param theirs that of the others.
 * @param merged what both come to, by `threeWay`.
 * @returns it with documents that state it; undefined when they can't.
 */
export function mergeIntoDocuments(
  yours: DocumentedPolicy,
  theirs: DocumentedPolicy,
  merged: Policy,
): DocumentedPolicy | undefined {
  const documents = editParts(yours.documents, yours, merged)
  const isChanged = documents.some(document => !yours.documents.includes(document))
  const edited = isChanged ? read(documents) : yours
  const documented = edited && editRules(edited, theirs, merged)
  const again = documented && read(documented.documents)
  return again !== undefined && diffParts(again, merged).length === 0 ? again : undefined
}

function editRules(
  yours: DocumentedPolicy,
  theirs: DocumentedPolicy,
  merged: Policy,
): DocumentedPolicy | undefined {
  let policy: DocumentedPolicy | undefined = yours
  const indexOf = (id: string): number => policy!.rules.findIndex(rule => rule.id === id)
  const changes = diffRules(yours.rules, merged.rules)
  for (const { kind, id, position } of changes) {
    const to: number = kind === 'removed' ? 0 : indexAfter(policy, merged, position)
    const rule = merged.rules[position - 1]!
    switch (kind) {
      case 'removed':
        policy = editDocuments(policy, { kind: 'remove', index: indexOf(id) })
        break
      case 'changed': {
        const index = indexOf(id)
        policy = editDocuments(policy, { kind: 'update', index, to: index, rule })
        break
      }
      case 'added': {
        const lines = linesOf(
          theirs,
          theirs.rules.findIndex(other => other.id === id),
        )
        policy = editDocuments(policy, { kind: 'insert', index: to, rule, lines })
        break
      }
      case 'moved': {
        const index = indexOf(id)
        policy = editDocuments(policy, { kind: 'update', index, to: to - Number(index < to), rule })
      }
    }
    if (policy === undefined) return undefined
  }
  return policy
}

/** Where a rule of the merged policy goes: behind the one that is before it there. */
function indexAfter(policy: Policy, merged: Policy, position: number): number {
  const before = merged.rules[position - 2]?.id
  return policy.rules.findIndex(({ id }) => id === before) + 1
}

/** What the documents say, with its places. */
function read(documents: readonly PolicyFile[]): DocumentedPolicy | undefined {
  const document = mergeDocuments(documents)
  if (!document.ok) return undefined
  const { ok: _, ...policy } = document
  return { ...policy, documents }
}
