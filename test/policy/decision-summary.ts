import t from 'tap'
import type { DecisionChange } from '../../src/policy/decision-diff.js'
import { LABELS_LISTED_MAX, summarize } from '../../src/policy/decision-summary.js'
import { decisionOf } from '../../src/policy/pair-diff.js'
import { ALL_PORTS } from '../../src/policy/selector.js'

const none = decisionOf(null)
const change: DecisionChange = {
  from: ['a'],
  sourcePorts: ALL_PORTS,
  to: ['b'],
  destinationPorts: ALL_PORTS,
  type: 'any',
  before: none,
  after: { ...none, effect: 'drop' },
  kind: 'changed',
}

await t.test('all is counted, and only some of it listed', async t => {
  const many = Array.from({ length: 3 * LABELS_LISTED_MAX }, (_, i) => `d${i}`)
  const changes: DecisionChange[] = [
    {
      ...change,
      from: [...many, '*'],
      to: many,
      except: many.map(to => ({ from: many, to: [to] })),
    },
    change,
    { ...change, kind: 'admitted' },
  ]
  const summary = summarize({ changes, pairsLeftOut: 7 }, 2)
  t.match(summary, { admitted: 1, refused: 0, changed: 2, pairsLeftOut: 7 })
  t.equal(summary.listed.length, 2)
  const [first, second] = summary.listed
  t.match(first, { fromTotal: many.length + 1, toTotal: many.length, exceptTotal: many.length })
  t.same(first!.from, ['*', ...many.slice(0, LABELS_LISTED_MAX - 1)], 'anybody else is not cut off')
  t.same(first!.to, many.slice(0, LABELS_LISTED_MAX))
  t.equal(first!.except!.length, LABELS_LISTED_MAX)
  t.equal(first!.except![0]!.from.length, LABELS_LISTED_MAX)
  t.same(second, { ...change, fromTotal: 1, toTotal: 1, exceptTotal: 0 })
})
