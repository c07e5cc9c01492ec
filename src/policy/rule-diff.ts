import { longestRising } from './longest-rising.js'
import { formatRule } from './rule-text.js'
import type { Rule } from './rule.js'

/** What became of a rule, which is known by its id. */
export type RuleChange =
  | {
      readonly kind: 'added'
      readonly id: string
      readonly position: number
      readonly after: string
    }
  | {
      readonly kind: 'removed'
      readonly id: string
      readonly position: number
      readonly before: string
    }
  | {
      readonly kind: 'changed'
      readonly id: string
      readonly position: number
      readonly before: string
      readonly after: string
    }
  /** It says the same, but another of the rules that were and are there comes before it. */
  | {
      readonly kind: 'moved'
      readonly id: string
      readonly from: number
      readonly position: number
    }

/**
 * What tells two lists of rules apart. Positions are those of the list the rule is in, the new one
 * if it is in both. Of rules that changed places as few as possible count as moved.
 */
export function diffRules(before: readonly Rule[], after: readonly Rule[]): RuleChange[] {
  const oldPositions = new Map(before.map(({ id }, index) => [id, index + 1]))
  const newIds = new Set(after.map(({ id }) => id))
  const changes: RuleChange[] = []
  for (const [index, rule] of before.entries()) {
    if (newIds.has(rule.id)) continue
    changes.push({ kind: 'removed', id: rule.id, position: index + 1, before: formatRule(rule) })
  }
  const kept = after.filter(({ id }) => oldPositions.has(id))
  const inOrder = longestRising(kept.map(({ id }) => oldPositions.get(id)!))
  for (const [index, rule] of after.entries()) {
    const { id } = rule
    const position = index + 1
    const from = oldPositions.get(id)
    const text = formatRule(rule)
    if (from === undefined) {
      changes.push({ kind: 'added', id, position, after: text })
      continue
    }
    const old = formatRule(before[from - 1]!)
    if (old !== text) changes.push({ kind: 'changed', id, position, before: old, after: text })
    if (!inOrder.has(from)) changes.push({ kind: 'moved', id, from, position })
  }
  return changes
}
