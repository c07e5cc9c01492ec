import t from 'tap'
import type { FlowRecord } from '../../src/hypervisor/event.js'
import { LogFilter } from '../../src/hypervisor/log-filter.js'
import { policyOf } from './fixtures/machine.js'

function record(rule: string, more: Partial<FlowRecord> = {}): FlowRecord {
  const verdict = policyOf(1, rule).verdictAt(1)
  return {
    decisionId: 1,
    verdict,
    effect: verdict.action,
    code: null,
    source: { domain: 'a', port: 1 },
    destination: { domain: 'b', port: 2 },
    type: 0,
    datagrams: 1,
    bytes: 1,
    ...more,
  }
}

await t.test('a rule that says nothing of it, and one that says all, has all records', async t => {
  const filter = new LogFilter()
  t.ok(filter.wants(record('accept a:* -> b:*')))
  t.ok(filter.wants(record('reject a:* -> b:*', { code: 'EPERM' })))
  t.ok(filter.wants(record('accept a:* -> b:* log all')))
  const none = policyOf(1).verdictAt(0)
  t.ok(filter.wants(record('accept a:* -> b:*', { verdict: none, code: 'EPERM' })))
})

await t.test('none is none, of refusals too', async t => {
  const filter = new LogFilter()
  t.notOk(filter.wants(record('accept a:* -> b:* log none')))
  t.notOk(filter.wants(record('drop a:* -> b:* log none')))
})

await t.test(
  'deny is what is refused, silently or not, or would be without audit mode',
  async t => {
    const filter = new LogFilter()
    t.notOk(filter.wants(record('accept a:* -> b:* log deny')))
    t.notOk(filter.wants(record('audit a:* -> b:* log deny')))
    t.ok(filter.wants(record('accept a:* -> b:* log deny', { code: 'ECONNREFUSED' })))
    t.ok(filter.wants(record('accept a:* -> b:* log deny', { effect: 'limit', code: 'EDQUOT' })))
    t.ok(filter.wants(record('drop a:* -> b:* log deny')))
    t.ok(filter.wants(record('reject a:* -> b:* log deny', { effect: 'audit' })))
  },
)

await t.test(
  'a sample is one of n flows, each rule by itself, and all that is refused',
  async t => {
    const filter = new LogFilter()
    const some = record('accept a:* -> b:* log sample:3')
    const wanted = (): boolean => filter.wants(some)
    t.same([1, 2, 3, 4, 5, 6, 7].map(wanted), [true, false, false, true, false, false, true])
    t.ok(filter.wants({ ...some, code: 'ESRCH' }))
    t.notOk(wanted())
    filter.reset()
    t.ok(wanted())
  },
)
