import {
  diffParts,
  isSamePart,
  NAMED_PARTS,
  type NamedParts,
  type Part,
  type PartChange,
} from './part-change.js'
import type { Policy } from './policy.js'
import type { RuleChange } from './rule-diff.js'
import { mergeRules, type OrderConflict } from './rule-merge.js'

/** Where two changes of a policy do not go together. */
export type Conflict =
  /** Both changed the same part, and not alike. */
  | {
      readonly part: Part
      readonly id: string
      readonly theirs: readonly PartChange[]
      readonly yours: readonly PartChange[]
    }
  /** Both put rules in the same place, or past each other. */
  | ({ readonly part: 'order' } & OrderConflict)

/** Two changes of one policy, made apart. */
export interface ThreeWay {
  /** What one side changed, and what the other did. */
  readonly theirs: readonly PartChange[]
  readonly yours: readonly PartChange[]
  readonly conflicts: readonly Conflict[]
  /** What both changes come to together; undefined when there is a conflict. */
  readonly merged: Policy | undefined
}

/**
 * Compares two policies that both came from a third one. Changes are in conflict when both sides
 * touch the same rule, set, tag or test and do not make the same of it, or put rules where it is
 * not said which of them are asked first, though it may matter.
 */
export function threeWay(base: Policy, theirs: Policy, yours: Policy): ThreeWay {
  const changes = { theirs: diffParts(base, theirs), yours: diffParts(base, yours) }
  const rules = mergeRules(
    base.rules,
    { rules: theirs.rules, changes: changes.theirs.filter(isRuleChange) },
    { rules: yours.rules, changes: changes.yours.filter(isRuleChange) },
  )
  const sets = mergeNamed(...threeOf(NAMED_PARTS.set, base, theirs, yours))
  const tags = mergeNamed(...threeOf(NAMED_PARTS.tag, base, theirs, yours))
  const tests = mergeNamed(...threeOf(NAMED_PARTS.test, base, theirs, yours))
  const found = new Map<Part, readonly string[]>([
    ['rule', rules.both],
    ['set', sets.both],
    ['tag', tags.both],
    ['test', tests.both],
  ])
  const [first, second] = [byName(changes.theirs), byName(changes.yours)]
  const conflicts: Conflict[] = []
  for (const [part, ids] of found) {
    for (const id of ids) {
      const name = nameOf(part, id)
      conflicts.push({ part, id, theirs: first.get(name)!, yours: second.get(name)! })
    }
  }
  conflicts.push(...rules.orders.map(order => ({ part: 'order' as const, ...order })))
  const merged = {
    rules: rules.rules,
    sets: sets.items,
    tags: tags.items,
    tests: tests.items,
  }
  return { ...changes, conflicts, merged: conflicts.length === 0 ? merged : undefined }
}

/** The name of a part among all parts of a policy. */
export function nameOf(part: Part, id: string): string {
  return `${part} ${id}`
}

function threeOf<T>(
  read: (policy: Policy) => T,
  base: Policy,
  theirs: Policy,
  yours: Policy,
): [T, T, T] {
  return [read(base), read(theirs), read(yours)]
}

/** What two changes of parts without an order come to; those that are new to you come last. */
function mergeNamed<T>(
  base: NamedParts<T>,
  theirs: NamedParts<T>,
  yours: NamedParts<T>,
): { readonly both: readonly string[]; readonly items: readonly T[] } {
  const both: string[] = []
  const items: T[] = []
  for (const id of new Set([...yours.keys(), ...theirs.keys()])) {
    const [old, their, your] = [base.get(id), theirs.get(id), yours.get(id)]
    const isTheirs = !isSamePart(old, their)
    const isYours = !isSamePart(old, your)
    if (isTheirs && isYours && !isSamePart(their, your)) both.push(id)
    const part = isTheirs && !isYours ? their : your
    items.push(...(part?.items ?? []))
  }
  return { both, items }
}

function isRuleChange(change: PartChange): change is PartChange & RuleChange & { part: 'rule' } {
  return change.part === 'rule'
}

function byName(changes: readonly PartChange[]): Map<string, PartChange[]> {
  const found = new Map<string, PartChange[]>()
  for (const change of changes) {
    const name = nameOf(change.part, change.id)
    const others = found.get(name)
    if (others === undefined) found.set(name, [change])
    else others.push(change)
  }
  return found
}
