import type { Rule } from '../../policy/rule.js'
import type { RuleCounts, RuleList, RuleView } from '../schemas/rule.js'
import { ruleJson } from './rule-json.js'

/** What rules have counted, COUNTS numbers for each: another thread can have it as it is. */
export type CountNumbers = Float64Array

/** Numbers that a rule has: hits, bytes, when the last one was (0 for never), audited, limited. */
export const COUNTS = 5

/** A rule as REST shows it. @param position from 1. */
export function ruleView(rule: Rule, position: number, counts: RuleCounts): RuleView {
  const { expires, ...json } = ruleJson(rule)
  const { place } = rule
  return {
    ...json,
    position,
    type: rule.type,
    replies: rule.replies,
    comment: rule.comment,
    ...(typeof expires === 'number' && { expires }),
    ...(place !== undefined && { file: place.file, line: place.line }),
    ...counts,
  }
}

/**
 * Rules with what they have counted.
 * @param total of the table that they are of.
 * @param first the index of the first one in it.
 * @param counted of the rules, and of what no rule matched.
 */
export function ruleListOf(
  revision: number,
  total: number,
  rules: readonly Rule[],
  first: number,
  counted: CountNumbers,
): RuleList {
  return {
    revision,
    total,
    rules: rules.map((rule, i) => ruleView(rule, first + i + 1, countsAt(counted, i))),
    default: { action: 'reject', ...countsAt(counted, rules.length) },
  }
}

/** What the rule at an index has counted. */
export function countsAt(numbers: CountNumbers, index: number): RuleCounts {
  const start = index * COUNTS
  const [hits = 0, bytes = 0, lastHit = 0, audited = 0, limited = 0] = numbers.subarray(
    start,
    start + COUNTS,
  )
  return { hits, bytes, lastHit: lastHit === 0 ? null : lastHit, audited, limited }
}
