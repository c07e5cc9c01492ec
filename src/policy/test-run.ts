import type { Decisions } from './pair-rules.js'
import { Membership } from './membership.js'
import type { PolicyTest, TestEnd } from './policy.js'
import { PolicyTable } from './policy-table.js'
import { DEFAULT_ID, lets, payloadBytesMaxOf, type Action } from './rule.js'
import type { Subject } from './subject.js'
import { formatTestEnd } from './test-text.js'

/** A test and what became of its datagram. */
export interface TestResult {
  readonly test: PolicyTest
  readonly ok: boolean
  readonly action: Action
  /** The id of the rule that decided, or `default`. */
  readonly rule: string
  /** Says what was expected and what was found; empty for a test that passed. */
  readonly message: string
}

/**
 * Runs tests against a policy with the matcher that decides about datagrams.
 * @param domains as far as known, with their own tags.
 * @param now milliseconds since the epoch.
 */
export function runTests(
  policy: Decisions,
  tests: readonly PolicyTest[],
  domains: readonly Subject[],
  now: number,
): TestResult[] {
  if (tests.length === 0) return []
  const table = new PolicyTable(0, policy.rules, new Membership(policy.sets, policy.tags))
  table.expire(now)
  const byName = new Map(domains.map(domain => [domain.name, domain]))
  const subjectOf = (end: TestEnd): Subject => {
    if (end.kind === 'tag') return { name: '', tags: [end.tag] }
    return byName.get(end.name) ?? { name: end.name, tags: [] }
  }
  return tests.map(test => runTest(table, test, subjectOf(test.from), subjectOf(test.to)))
}

function runTest(table: PolicyTable, test: PolicyTest, from: Subject, to: Subject): TestResult {
  const { type = 'dgram', bytes = 0 } = test
  const verdict = table.decide(from, test.from.port, to, test.to.port, type)
  const rule = verdict.rule?.id ?? DEFAULT_ID
  const bytesMax = verdict.rule === null ? Infinity : payloadBytesMaxOf(verdict.rule)
  const isTooLarge = lets(verdict.action) && bytes > bytesMax
  const action = isTooLarge ? 'reject' : verdict.action
  const ok = action === test.expect && (test.rule ?? rule) === rule
  return { test, ok, action, rule, message: ok ? '' : messageOf(test, action, rule, isTooLarge) }
}

function messageOf(test: PolicyTest, action: Action, rule: string, isTooLarge: boolean): string {
  const type = test.type === undefined ? '' : ` type ${test.type}`
  const size = test.bytes === undefined ? '' : ` of ${test.bytes} bytes`
  const datagram = `${formatTestEnd(test.from)} -> ${formatTestEnd(test.to)}${type}${size}`
  const by = test.rule === undefined ? '' : ` by ${nameOf(test.rule)}`
  const why = isTooLarge ? ', being larger than it lets through' : ''
  return `${datagram}: expected ${test.expect}${by}, but it is ${action} by ${nameOf(rule)}${why}`
}

function nameOf(rule: string): string {
  return rule === DEFAULT_ID ? 'default, since no rule matches' : `rule ${rule}`
}
