import t from 'tap'
import { COUNTS, countsAt, ruleListOf } from '../../../src/control/policy/rule-view.js'
import { rulesOf } from '../../policy/fixtures/rules.js'

const rules = rulesOf('accept web:* -> db:1 replies', 'drop *:* -> *:*')
const numbers = Float64Array.of(1, 20, 300, 4, 5, 0, 0, 0, 0, 0, 6, 70, 0, 0, 0)

void t.test('a list has rules with what each has counted, and what none has matched', t => {
  t.match(ruleListOf(9, 12, rules, 3, numbers), {
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
  const [view] = ruleListOf(1, 1, [placed], 0, numbers).rules
  t.match(view, { file: '10-a.yaml', line: 3, expires: 7 })
  t.end()
})
