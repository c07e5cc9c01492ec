import t from 'tap'
import { countsAt } from '../../../src/control/policy/rule-view.js'
import { countsOf, ruleCounts } from '../../../src/control/services/rule-counts.js'
import { Hypervisor } from '../../../src/hypervisor/hypervisor.js'
import { PolicyTable } from '../../../src/policy/policy-table.js'
import { rulesOf } from '../../policy/fixtures/rules.js'

/** More than are looked up in one turn. */
const RULES = 2_000

function tableOf(revision: number): PolicyTable {
  const rule = rulesOf('accept web:* -> db:1')[0]!
  const rules = Array.from({ length: RULES }, (_, i) => ({ ...rule, id: `r${revision}-${i}` }))
  return new PolicyTable(revision, rules)
}

function counting(): Hypervisor {
  const hypervisor = new Hypervisor({ policy: tableOf(1), clock: { now: () => 0 } })
  hypervisor.ruleCounter('r1-3').hits = 5
  hypervisor.ruleCounter('r1-1999').bytes = 7
  hypervisor.ruleCounter('r2-0').limited = 8
  hypervisor.ruleCounter('default').lastHit = 9
  return hypervisor
}

await t.test(
  'what rules have counted is there in their order, with the default behind',
  async t => {
    const hypervisor = counting()
    const { policy, numbers } = await ruleCounts(hypervisor)
    t.equal(policy, hypervisor.policy)
    t.match(countsAt(numbers, 3), { hits: 5, bytes: 0, lastHit: null })
    t.match(countsAt(numbers, 1_999), { hits: 0, bytes: 7 })
    t.match(countsAt(numbers, RULES), { lastHit: 9 })
    t.match(countsAt(countsOf(hypervisor, 'r1-3'), 0), { hits: 5 })
    t.match(countsAt(countsOf(hypervisor, 'unknown'), 0), { hits: 0, lastHit: null })
  },
)

await t.test('some of them are counted alone, and none beyond the last', async t => {
  const hypervisor = counting()
  const some = await ruleCounts(hypervisor, 2, 2)
  t.match(countsAt(some.numbers, 1), { hits: 5 })
  t.match(countsAt(some.numbers, 2), { lastHit: 9 })
  t.match(countsAt((await ruleCounts(hypervisor, 5_000)).numbers, 0), { lastHit: 9 })
})

await t.test('when another table comes into force meanwhile, it is begun again', async t => {
  const hypervisor = counting()
  const counted = ruleCounts(hypervisor)
  hypervisor.setPolicy(tableOf(2))
  const { policy, numbers } = await counted
  t.equal(policy.revision, 2)
  t.match(countsAt(numbers, 0), { limited: 8 })
  t.match(countsAt(numbers, 3), { hits: 0 })
})
