import t from 'tap'
import { MESSAGE_TYPES } from '../../src/abi/addr.js'
import { FlowLog, flowView } from '../../src/control/flow-log.js'
import type { FlowRecord } from '../../src/hypervisor/event.js'
import { defaultVerdict } from '../../src/policy/verdict.js'

function record(decisionId: number): FlowRecord {
  return {
    decisionId,
    verdict: defaultVerdict(3),
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
  t.strictSame(log.recent(9, 'accept'), [])
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

void t.test('a record is shown with its reason, an unknown type as its number', t => {
  const view = flowView({ seq: 1, at: 2, record: { ...record(31), type: 0xab } })
  t.match(view, { decisionId: 'd-1f', type: '0xab', rule: null, code: 'EPERM', revision: 3 })
  t.match(view.reason, /no rule of revision 3 matches, which means reject/)
  t.end()
})
