import { documentedPolicy, type DocumentedPolicy } from './document.js'
import { OpenDocuments } from './open-documents.js'
import { diffParts } from './part-change.js'
import { editParts } from './part-edit.js'
import type { Policy } from './policy.js'
import { diffRules, type RuleChange } from './rule-diff.js'

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
  const open = new OpenDocuments(yours)
  const others = new OpenDocuments(theirs)
  for (const change of diffRules(yours.rules, merged.rules)) {
    if (!isMade(open, others, merged, change)) return undefined
  }
  const edited = open.close()
  const again = edited && documentedPolicy(editParts(edited.documents, edited, merged))
  return again !== undefined && diffParts(again, merged).length === 0 ? again : undefined
}

function isMade(
  open: OpenDocuments,
  others: OpenDocuments,
  { rules }: Policy,
  { kind, id, position }: RuleChange,
): boolean {
  if (kind === 'removed') return open.remove(id)
  const rule = rules[position - 1]!
  // Changes come in the order of the merged rules, so this one stands where it belongs by now.
  const after = rules[position - 2]?.id
  switch (kind) {
    case 'changed':
      return open.update(rule)
    case 'added':
      return open.insert(rule, after, others.linesOf(id))
    case 'moved':
      return open.move(rule, after)
  }
}
