import t from 'tap'
import type { Port } from '../../src/abi/addr.js'
import { frameBytes } from '../../src/abi/frame.js'
import { tooLarge } from '../../src/hypervisor/run.js'
import { ACCEPT_ALL, DGRAM, payload, runOf, type Client } from './fixtures/machine.js'
import { pair, refusedRun } from './fixtures/pair.js'

await t.test(
  'bytes that are no messages are malformed, whatever else is wrong with them',
  async t => {
    const { machine, web, db, ring } = pair(128, [
      'reject *:* -> *:1',
      'drop *:* -> *:2',
      ACCEPT_ALL,
    ])
    const malformed = { ...refusedRun, refused: 0, code: null, malformed: true }
    const blocker = machine.client('blocker')
    blocker.ring(1)
    web.ring(90, 48)
    blocker.run('web:90', [payload(16), payload(16)])
    const cases: [Client, string, number][] = [
      [db, 'web:80', 1],
      [db, 'web:81', 1],
      [db, 'web:1', 1],
      [db, 'web:2', 1],
      [db, 'ghost:80', 1],
      [db, 'web:80', 7],
      [blocker, 'web:90', 1],
    ]
    for (const [client, to, from] of cases) {
      const what = `${to} from ${from}`
      t.same(client.run(to, [payload(16)], { from, count: 2 }), malformed, `${what}: too few`)
      t.same(client.run(to, [payload(16)], { from, count: 0 }), malformed, `${what}: none`)
      t.same(
        client.run(to, [payload(0), payload(0)], { from, count: 1 }),
        malformed,
        `${what}: too many`,
      )
      const run = {
        sourcePort: from as Port,
        target: machine.target(to.split(':')[0]!),
        port: Number(to.split(':')[1]) as Port,
        type: DGRAM,
        count: 2,
        retry: false,
      }
      const bytes = runOf([payload(16), payload(16)])
      const send = (end: number) => ({
        ...machine.hypervisor.sendRun(client.session, run, bytes, 0, end),
      })
      for (const end of [0, 8, 20]) t.same(send(end), malformed, `${what}: ${end} bytes`)
      for (const length of [0, 15, 100, 0xffffffff]) {
        bytes.view.setUint32(32, length, true)
        t.same(send(64), malformed, `${what}: a length of ${length}`)
      }
    }
    const { counters } = db.session.domain
    t.same([ring.buffer.txOffset, counters.datagramsRefused, counters.datagramsDropped], [0, 0, 0])
    t.equal(machine.flows.length, 1, 'only what the blocker got in')
  },
)

await t.test('a run is read from where it lies in its buffer', async t => {
  const { machine, web, db, ring } = pair()
  const inner = runOf([payload(20)]).bytes
  const bytes = frameBytes(Buffer.concat([payload(7), inner, payload(5)]))
  const run = {
    sourcePort: 1 as Port,
    target: machine.target('web'),
    port: 80 as Port,
    type: DGRAM,
    count: 1,
    retry: false,
  }
  t.match(machine.hypervisor.sendRun(db.session, run, bytes, 7, 7 + inner.length), { accepted: 1 })
  t.strictSame(web.drain(ring)[0]!.data, payload(20))
})

await t.test('messages in a row that are too large are found, and none behind them', async t => {
  const run = runOf([payload(21), payload(40), payload(20), payload(21)])
  const { length } = run.bytes
  t.same(tooLarge(20, run, 0, length, 4, 37), { count: 2, slotBytes: 112, payloadBytes: 61 })
  t.same(tooLarge(20, run, 0, length, 1, 37), { count: 1, slotBytes: 48, payloadBytes: 21 })
  t.same(tooLarge(20, run, 0, 48, 4, 37), { count: 1, slotBytes: 48, payloadBytes: 21 })
  t.same(tooLarge(0, run, 0, length, 9, 37), { count: 4, slotBytes: 208, payloadBytes: 102 })
  run.view.setUint32(48, 0, true)
  t.same(tooLarge(20, run, 0, length, 4, 37), { count: 1, slotBytes: 48, payloadBytes: 21 })
  run.view.setUint32(48, 0x7fffffe0, true)
  t.same(tooLarge(20, run, 0, length, 4, 37), { count: 1, slotBytes: 48, payloadBytes: 21 })
})
