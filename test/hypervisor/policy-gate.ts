import t from 'tap'
import type { DomainId, Port } from '../../src/abi/addr.js'
import { Domain } from '../../src/hypervisor/domain.js'
import { PolicyGate } from '../../src/hypervisor/policy-gate.js'
import { Target } from '../../src/hypervisor/target.js'
import { DEFAULT_ID } from '../../src/policy/rule.js'
import { ACCEPT_ALL, DGRAM, policyOf, STREAM } from './fixtures/machine.js'

const clock = { now: () => 42 }
const web = new Domain(1 as DomainId, 'web', ['front'])
const db = new Domain(2 as DomainId, 'db', [])
const toDb = new Target('db', db)
const port = 80 as Port
const from = 1 as Port

await t.test('decisions are those of the table in force, also when they are cached', async t => {
  const gate = new PolicyGate(policyOf(1, 'drop web:* -> db:80 type stream', ACCEPT_ALL), clock)
  for (let i = 0; i < 2; i++) {
    t.equal(gate.decide(web, from, toDb, port, STREAM), 1)
    t.equal(gate.decide(web, from, toDb, port, DGRAM), 2)
  }
  const table = policyOf(2, 'reject web:* -> db:*')
  gate.replace(table)
  t.equal(gate.table, table)
  t.match(gate.verdict(gate.decide(web, from, toDb, port, STREAM)), {
    action: 'reject',
    revision: 2,
  })
  t.match(gate.verdict(gate.decide(db, from, toDb, port, STREAM)), { action: 'reject', rule: null })
})

await t.test('a type that is none is rejected by default', async t => {
  const gate = new PolicyGate(policyOf(1, ACCEPT_ALL), clock)
  t.equal(gate.decide(web, from, toDb, port, 5), 0)
  t.equal(gate.verdict(0).action, 'reject')
})

await t.test('other tags count as soon as what is cached is forgotten', async t => {
  const gate = new PolicyGate(policyOf(1, 'accept tag:front:* -> *:*'), clock)
  const domain = new Domain(3 as DomainId, 'x', ['front'])
  t.equal(gate.decide(domain, from, toDb, port, DGRAM), 1)
  domain.subject = { name: 'x', tags: [] }
  gate.forget()
  t.equal(gate.decide(domain, from, toDb, port, DGRAM), 0)
})

await t.test('a flow is new until it is recorded', async t => {
  const gate = new PolicyGate(policyOf(1, ACCEPT_ALL), clock)
  gate.decide(web, from, toDb, port, DGRAM)
  t.equal(gate.isNewFlow, true)
  gate.decide(web, from, toDb, port, DGRAM)
  t.equal(gate.isNewFlow, true, 'being asked about does not make it known')
  gate.recorded(web, from, toDb, port, DGRAM, 1)
  t.equal(gate.decide(web, from, toDb, port, DGRAM), 1)
  t.equal(gate.isNewFlow, false)
  gate.decide(web, 2 as Port, toDb, port, DGRAM)
  t.equal(gate.isNewFlow, true)
  gate.forget()
  gate.decide(web, from, toDb, port, DGRAM)
  t.equal(gate.isNewFlow, true)
})

await t.test('the answer for a name without a domain is not cached, and always new', async t => {
  const gate = new PolicyGate(policyOf(1, 'accept *:* -> ghost:*'), clock)
  const ghost = new Target('ghost', undefined)
  t.equal(gate.decide(web, from, ghost, port, DGRAM), 1)
  gate.recorded(web, from, ghost, port, DGRAM, 1)
  t.equal(gate.decide(web, from, ghost, port, DGRAM), 1)
  t.equal(gate.isNewFlow, true)
  t.equal(gate.decide(web, from, new Target('other', undefined), port, DGRAM), 0)
})

await t.test(
  'counters are kept by rule id over changes of the table, until they are dropped',
  async t => {
    const gate = new PolicyGate(policyOf(1, 'drop web:* -> db:*', ACCEPT_ALL), clock)
    gate.count(1, 2, 20)
    gate.count(2, 1, 5)
    gate.count(0, 3, 7)
    t.match(Object.fromEntries(gate.counters), {
      r1: { hits: 2, bytes: 20, lastHit: 42 },
      r2: { hits: 1, bytes: 5, lastHit: 42 },
      [DEFAULT_ID]: { hits: 3, bytes: 7, lastHit: 42 },
    })
    gate.replace(policyOf(2, ACCEPT_ALL))
    gate.count(1, 1, 1)
    t.match(gate.counter('r1'), { hits: 3, bytes: 21, lastHit: 42 })
    t.match(gate.counter('r2'), { hits: 1, bytes: 5, lastHit: 42 }, 'a rule that is gone')
    gate.dropCounter('r2')
    t.equal(gate.counters.has('r2'), false)
    t.match(gate.counter('r9'), { hits: 0, bytes: 0, lastHit: 0 })
  },
)
