import t from 'tap'
import { MESSAGE_TYPES } from '../../src/abi/addr.js'
import { FlowLog, flowView } from '../../src/control/flow-log.js'
import type { FlowRecord } from '../../src/hypervisor/event.js'
import { parseRule } from '../../src/policy/rule-text.js'
import type { Action } from '../../src/policy/rule.js'
import { defaultVerdict, verdictOf } from '../../src/policy/verdict.js'
import { until } from '../fixtures/daemon.js'

function record(decisionId: number): FlowRecord {
  return {
    decisionId,
    verdict: defaultVerdict(3),
    effect: 'reject',
    code: 'EPERM',
    source: { domain: 'web', port: 1 },
    destination: { domain: 'db', port: 2 },
    type: MESSAGE_TYPES.dgram,
    datagrams: 1,
    bytes: 5,
  }
}

void t.test('it keeps the last records and forgets the rest', t => {
  const log = new FlowLog(3, { now: () => 42 })
  t.strictSame(log.recent(), [])
  t.equal(log.oldestSeq, log.nextSeq)
  for (let id = 101; id <= 105; id++) log.add(record(id))
  t.strictSame(
    log.recent().map(entry => entry.seq),
    [3, 4, 5],
  )
  t.strictSame(
    log.recent(2).map(entry => entry.seq),
    [4, 5],
  )
  t.strictSame(log.recent(9, { verdict: 'accept' }), [])
  t.equal(log.at(2), undefined)
  t.equal(log.at(3)?.at, 42)
  t.equal(log.find(101), undefined)
  t.equal(log.find(104)?.seq, 4)
  t.end()
})

void t.test('who watches hears once of many', async t => {
  const log = new FlowLog(3, { now: () => 42 })
  let calls = 0
  const stop = log.watch(() => calls++)
  log.add(record(1))
  log.add(record(2))
  await new Promise(setImmediate)
  t.equal(calls, 1)
  stop?.()
  log.add(record(3))
  await new Promise(setImmediate)
  t.equal(calls, 1)
  t.equal(log.viewers, 0)
})

await t.test('after it was told, few records wait for more of them, and many do not', async t => {
  let now = 42
  const log = new FlowLog(64, { now: () => now })
  let calls = 0
  const stop = log.watch(() => calls++)
  log.add(record(1))
  await new Promise(setImmediate)
  t.equal(calls, 1)
  log.add(record(2))
  await until(
    () => calls,
    seen => seen === 2,
  )

  for (let id = 3; id <= 2 + 32; id++) log.add(record(id))
  await new Promise(setImmediate)
  t.equal(calls, 3, 'half the log is more than it lets wait')
  log.add(record(35))
  now += 1_000
  log.add(record(36))
  await new Promise(setImmediate)
  t.equal(calls, 4, 'and so is one that was long ago')
  now = 0
  log.add(record(37))
  await new Promise(setImmediate)
  t.equal(calls, 5, 'nobody waits for a clock that was set back')
  stop?.()
})

await t.test('a record says what was done, where its rule stands, and why', async t => {
  const read = parseRule('ask *:* -> *:*')
  if (!read.ok) throw new Error(read.message)
  const of = (action: Action, more: Partial<FlowRecord>): FlowRecord => {
    const place = { file: '10-web.yaml', line: 7 }
    const verdict = verdictOf({ ...read.rule, action, id: 'x', place }, 1, 3)
    return { ...record(1), verdict, ...more }
  }
  const reason = (action: Action, more: Partial<FlowRecord>): string =>
    flowView({ seq: 1, at: 2, record: of(action, more) }).reason.replace(/^.*-> \*:\*/, '')
  t.match(flowView({ seq: 1, at: 2, record: of('drop', { effect: 'audit', code: null }) }), {
    verdict: 'audit',
    rule: 'x',
    file: '10-web.yaml',
    line: 7,
  })
  t.same(
    [
      reason('drop', { effect: 'audit', code: null }),
      reason('ask', { effect: 'audit', code: null }),
      reason('audit', { effect: 'audit', code: null }),
      reason('accept', { effect: 'limit', code: 'EDQUOT' }),
      reason('ask', { effect: 'ask', code: 'EAGAIN' }),
      reason('ask', { effect: 'reject', code: 'EPERM' }),
      reason('ask', { effect: 'ask', code: 'ESRCH' }),
      reason('reject', {}),
    ],
    [
      '; but audit mode delivers it',
      '; but audit mode asks nobody',
      '',
      '; but that is more than its limits let through',
      '; it waits for an operator',
      '; and nobody has granted it',
      '; but there is no such domain',
      '',
    ],
  )
})

void t.test('a record is shown with its reason, an unknown type as its number', t => {
  const view = flowView({ seq: 1, at: 2, record: { ...record(31), type: 0xab } })
  t.match(view, { decisionId: 'd-1f', type: '0xab', rule: null, code: 'EPERM', revision: 3 })
  t.match(view.reason, /no rule of revision 3 matches, which means reject/)
  t.end()
})
