import type { DocumentedPolicy } from './document.js'
import { OpenDocuments } from './open-documents.js'
import type { Rule } from './rule.js'

/** What becomes of one rule. */
export type RuleEdit =
  /** A rule is added, so that it stands at `index`. */
  | { readonly kind: 'insert'; readonly index: number; readonly rule: Rule }
  | { readonly kind: 'remove'; readonly index: number }
  /** The rule at `index` says something else under its id, or stands at `to` then, or both. */
  | { readonly kind: 'update'; readonly index: number; readonly to: number; readonly rule: Rule }

/**
 * Makes an edit of one rule in the files themselves, so that everything else in them stays as it
 * was written: the comments above all.
 * @param policy with rules that say what the documents say.
 * @returns the policy after it, with the places of everything as they are then; undefined when the
 *   documents do not say what the rules say, or would grow too large.
 */
export function editDocuments(
  policy: DocumentedPolicy,
  edit: RuleEdit,
): DocumentedPolicy | undefined {
  const open = new OpenDocuments(policy)
  return made(open, policy.rules, edit) ? open.close() : undefined
}

function made(open: OpenDocuments, rules: readonly Rule[], edit: RuleEdit): boolean {
  switch (edit.kind) {
    case 'insert':
      return open.insert(edit.rule, rules[edit.index - 1]?.id)
    case 'remove':
      return open.remove(rules[edit.index]!.id)
    case 'update':
      return open.move(edit.rule, rules.toSpliced(edit.index, 1)[edit.to - 1]?.id)
  }
}
