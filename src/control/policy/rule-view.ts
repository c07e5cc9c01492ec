import { quotaUse } from '../../hypervisor/quota-meter.js'
import type { Quota, Rule } from '../../policy/rule.js'
import type { RuleCounts, RuleList, RuleView } from '../schemas/rule.js'
import { ruleJson } from './rule-json.js'

/** What rules have counted, COUNTS numbers for each: another thread can have it as it is. */
export type CountNumbers = Float64Array

/**
 * Numbers that a rule has: hits, bytes, when the last one was (0 for never), audited, limited, what
 * is used of its quota, and since when.
 */
export const COUNTS = 7

/** Where among them the time of the last hit is. */
const LAST_HIT = 2

/** Which rules of a list are shown, and when. */
export interface ShownRules {
  /** Milliseconds since the epoch. */
  readonly now: number
  /** Only those that decided something since then; all for 0. */
  readonly hitSince: number
  /** How many at most. */
  readonly limit: number
}

/**
 * A rule as REST shows it.
 * @param position from 1.
 * @param counted has its numbers at an index.
 * @param now milliseconds since the epoch.
 */
export function ruleView(
  rule: Rule,
  position: number,
  counted: CountNumbers,
  index: number,
  now: number,
): RuleView {
  const { expires, ...json } = ruleJson(rule)
  const { place, quota } = rule
  return {
    ...json,
    position,
    type: rule.type,
    replies: rule.replies,
    comment: rule.comment,
    ...(typeof expires === 'number' && { expires }),
    ...(place !== undefined && { file: place.file, line: place.line }),
    ...countsAt(counted, index),
    ...(quota !== undefined && quotaAt(quota, counted, index, now)),
  }
}

/**
 * Rules with what they have counted.
 * @param total of the table that they are of.
 * @param first the index of the first one in it.
 * @param counted of the rules, and of what no rule matched.
 * @param shown which of them.
 */
export function ruleListOf(
  revision: number,
  total: number,
  rules: readonly Rule[],
  first: number,
  counted: CountNumbers,
  { now, hitSince, limit }: ShownRules,
): RuleList {
  const views: RuleView[] = []
  for (const [i, rule] of rules.entries()) {
    if (views.length === limit) break
    if (counted[i * COUNTS + LAST_HIT]! < hitSince) continue
    views.push(ruleView(rule, first + i + 1, counted, i, now))
  }
  return {
    revision,
    total,
    rules: views,
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

function quotaAt(
  quota: Quota,
  numbers: CountNumbers,
  index: number,
  now: number,
): Pick<RuleView, 'quotaUsed' | 'quotaResets'> {
  const [quotaUsed = 0, quotaSince = 0] = numbers.subarray(
    index * COUNTS + LAST_HIT + 3,
    (index + 1) * COUNTS,
  )
  const { used, endsAt } = quotaUse(quota, { quotaUsed, quotaSince }, now)
  return { quotaUsed: used, quotaResets: used === 0 ? null : endsAt }
}
