import t from 'tap'
import { diffLines } from '../../src/cli/plan-text.js'
import type { PolicyDiff } from '../../src/cli/rest-policy.js'
import type { ListedChange } from '../../src/policy/decision-summary.js'
import { ALL_PORTS } from '../../src/policy/selector.js'

const change: ListedChange = {
  from: ['web'],
  fromTotal: 1,
  sourcePorts: ALL_PORTS,
  to: ['db'],
  toTotal: 1,
  destinationPorts: { min: 22, max: 22 },
  type: 'any',
  before: { action: 'accept', rule: 'a', effect: 'accept' },
  after: { action: 'drop', rule: 'b', effect: 'drop' },
  kind: 'refused',
  exceptTotal: 0,
}

function linesOf(pairsLeftOut: number, ...listed: readonly ListedChange[]): string[] {
  const diff: PolicyDiff = {
    rules: { added: 1, removed: 0, changed: 0, moved: 0, listed: [] },
    setsChanged: false,
    tagsChanged: false,
    testsChanged: false,
    decisions: { admitted: 0, refused: listed.length, changed: 0, pairsLeftOut, listed },
  }
  return diffLines(diff).slice(1)
}

await t.test(
  'a change about many says how many they are, and for how many it does not hold',
  async t => {
    const from = ['*', ...Array.from({ length: 49 }, (_, i) => `d${i}`)]
    t.same(linesOf(0, change, { ...change, from, fromTotal: 900, type: 'dgram', exceptTotal: 3 }), [
      'decisions: 0 newly admitted, 2 newly refused, 0 otherwise changed',
      '  - web:* -> db:22: accept (a)  =>  drop (b)',
      '  - *,d0,d1,d2,d3,d4,d5,d6,892 more:* -> db:22 type dgram, 3 exceptions: accept (a)  =>  drop (b)',
    ])
  },
)

await t.test('what was not compared is said', async t => {
  t.same(linesOf(7), [
    'decisions: 0 newly admitted, 0 newly refused, 0 otherwise changed',
    '  not all is compared, as that would take too long: 7 pairs of domains are left out',
  ])
})
