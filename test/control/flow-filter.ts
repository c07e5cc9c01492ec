import t from 'tap'
import { isWanted, type FlowFilter } from '../../src/control/flow-filter.js'
import type { FlowRecord } from '../../src/hypervisor/event.js'
import { defaultVerdict } from '../../src/policy/verdict.js'

const record: FlowRecord = {
  decisionId: 1,
  verdict: defaultVerdict(3),
  effect: 'audit',
  code: null,
  source: { domain: 'web', port: 1 },
  destination: { domain: 'db', port: 2 },
  type: 0,
  datagrams: 1,
  bytes: 5,
}
const wants = (filter: FlowFilter): boolean => isWanted(record, filter)

await t.test('a filter that says nothing wants everything', async t => {
  t.ok(wants({}))
})

await t.test('a filter goes by what was done, by both ends and by the rule', async t => {
  t.ok(wants({ verdict: 'audit', source: 'web', destination: 'db', rule: 'default' }))
  t.notOk(wants({ verdict: 'reject' }))
  t.notOk(wants({ source: 'db' }))
  t.notOk(wants({ destination: 'web' }))
  t.notOk(wants({ rule: 'r1' }))
})
