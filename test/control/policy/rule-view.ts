import t from 'tap'
import { COUNTS, countsAt, ruleListOf } from '../../../src/control/policy/rule-view.js'
import { rulesOf } from '../../policy/fixtures/rules.js'

const rules = rulesOf('accept web:* -> db:1 replies', 'drop *:* -> *:*')
const first = [1, 20, 300, 4, 5, 0, 0]
const second = [0, 0, 0, 0, 0, 0, 0]
const none = [6, 70, 0, 0, 0, 0, 0]
const numbers = Float64Array.of(...first, ...second, ...none)
const all = { now: 1_000, hitSince: 0, limit: Infinity }

void t.test('a list has rules with what each has counted, and what none has matched', t => {
  t.match(ruleListOf(9, 12, rules, 3, numbers, all), {
    revision: 9,
    total: 12,
    rules: [
      { position: 4, source: 'web:*', replies: true, hits: 1, bytes: 20, lastHit: 300 },
      { position: 5, action: 'drop', hits: 0, lastHit: null },
    ],
    default: { action: 'reject', hits: 6, bytes: 70, lastHit: null },
  })
  t.end()
})

void t.test('of a rule there are as many numbers as are said', t => {
  t.equal(numbers.length, 3 * COUNTS)
  t.same(countsAt(numbers, 0), { hits: 1, bytes: 20, lastHit: 300, audited: 4, limited: 5 })
  t.end()
})

void t.test('where a rule stands and when it expires is shown where it is known', t => {
  const placed = { ...rules[0]!, place: { file: '10-a.yaml', line: 3, column: 1 }, expires: 7 }
  const [view] = ruleListOf(1, 1, [placed], 0, numbers, all).rules
  t.match(view, { file: '10-a.yaml', line: 3, expires: 7 })
  t.end()
})

void t.test('those that decided something lately can be shown alone, and the first of them', t => {
  const listed = (shown: Partial<typeof all>): number[] =>
    ruleListOf(9, 2, rules, 0, numbers, { ...all, ...shown }).rules.map(({ position }) => position)
  t.same(listed({ hitSince: 300 }), [1])
  t.same(listed({ hitSince: 301 }), [])
  t.same(listed({ limit: 1 }), [1])
  t.same(listed({}), [1, 2])
  t.end()
})

void t.test('of a quota there is what is used, until its time is over', t => {
  const [rule] = rulesOf('accept web:* -> db:1 quota 100/h')
  const view = (used: number, now: number): object =>
    ruleListOf(1, 1, [rule!], 0, Float64Array.of(1, 20, 300, 0, 0, used, 300, ...none), {
      ...all,
      now,
    }).rules[0]!
  t.match(view(20, 400), { quota: '100/h', quotaUsed: 20, quotaResets: 3_600_300 })
  t.match(view(20, 3_600_300), { quotaUsed: 0, quotaResets: null })
  t.match(view(0, 400), { quotaUsed: 0, quotaResets: null })
  t.notHas(ruleListOf(9, 2, rules, 0, numbers, all).rules[0], { quotaUsed: 0 })
  t.end()
})
