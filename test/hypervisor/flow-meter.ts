import fc from 'fast-check'
import t from 'tap'
import { FlowMeter } from '../../src/hypervisor/flow-meter.js'

const limits = { flowMetersMax: 4, flowMetersPerDomainMax: 3 }
const slotOf = (meter: FlowMeter, source: string, port: number, sourcePort = 1): number =>
  meter.slotOf(source, sourcePort, 'db', port, 7, 'accept', 'r1')

await t.test('what is counted of a flow is taken once, with its first and last time', async t => {
  const meter = new FlowMeter(limits)
  const slot = slotOf(meter, 'web', 80)
  t.equal(slotOf(meter, 'web', 80), slot)
  t.equal(meter.pending, 0)
  meter.add(slot, 2, 20, 1000)
  meter.add(slot, 1, 5, 1500)
  t.equal(meter.pending, 1)
  const flow = { source: 'web', sourcePort: 1, destination: 'db', port: 80, type: 7 }
  const verdict = { effect: 'accept', rule: 'r1' }
  t.same(meter.take(10), [
    { ...flow, ...verdict, datagrams: 3, bytes: 25, firstAt: 1000, lastAt: 1500 },
  ])
  t.same(meter.take(10), [])
  meter.add(slot, 1, 1, 2000)
  t.match(meter.take(10), [{ datagrams: 1, bytes: 1, firstAt: 2000, lastAt: 2000 }])
})

await t.test('flows that differ in anything but a port a daemon picked are apart', async t => {
  const meter = new FlowMeter({ flowMetersMax: 100, flowMetersPerDomainMax: 100 })
  const slots = [
    meter.slotOf('a', 1, 'b', 2, 3, 'accept', 'r1'),
    meter.slotOf('c', 1, 'b', 2, 3, 'accept', 'r1'),
    meter.slotOf('a', 9, 'b', 2, 3, 'accept', 'r1'),
    meter.slotOf('a', 1, 'c', 2, 3, 'accept', 'r1'),
    meter.slotOf('a', 1, 'b', 9, 3, 'accept', 'r1'),
    meter.slotOf('a', 1, 'b', 2, 9, 'accept', 'r1'),
    meter.slotOf('a', 1, 'b', 2, 3, 'reject', 'r1'),
    meter.slotOf('a', 1, 'b', 2, 3, 'accept', 'r2'),
    meter.slotOf('a', 0x80000000, 'b', 2, 3, 'accept', 'r1'),
    meter.slotOf('a', 0xf0000000, 'b', 2, 3, 'accept', 'r1'),
  ]
  t.equal(new Set(slots).size, slots.length)
  t.equal(meter.slotOf('a', 0xefffffff, 'b', 2, 3, 'accept', 'r1'), slots[8])
  t.equal(
    meter.slotOf('a', 1, 'b', 0x80000000, 3, 'accept', 'r1'),
    meter.slotOf('a', 1, 'b', 0x80000005, 3, 'accept', 'r1'),
  )
})

await t.test(
  'a domain gets no more than its share, and what is beyond is counted as lost',
  async t => {
    const meter = new FlowMeter(limits)
    for (const port of [1, 2, 3]) meter.add(slotOf(meter, 'web', port), 1, 1, 1)
    t.equal(slotOf(meter, 'web', 4), -1)
    meter.add(-1, 5, 50, 1)
    t.equal(meter.lost, 5)
    meter.add(slotOf(meter, 'app', 4), 1, 1, 1)
    t.equal(slotOf(meter, 'sys', 4), -1, 'all slots are in use')
    t.equal(meter.pending, 4)
  },
)

await t.test('a slot is given to another flow once there is nothing to take of it', async t => {
  const meter = new FlowMeter(limits)
  const slots = [1, 2, 3].map(port => slotOf(meter, 'web', port))
  for (const slot of slots) meter.add(slot, 1, 1, 1)
  const tags = slots.map(slot => meter.tagOf(slot))
  meter.take(2)
  const slot = slotOf(meter, 'web', 4)
  t.ok(slots.slice(0, 2).includes(slot))
  t.not(meter.tagOf(slot), tags[slots.indexOf(slot)])
  t.equal(meter.tagOf(slots[2]!), tags[2])
  t.equal(slotOf(meter, 'web', 3), slots[2], 'the one that was not taken is still there')
})

await t.test('a domain that is gone leaves no count behind', async t => {
  const meter = new FlowMeter(limits)
  for (const source of ['a', 'b', 'c', 'd', 'e', 'f']) {
    meter.add(slotOf(meter, source, 1), 1, 1, 1)
    t.equal(meter.take(9).length, 1)
  }
})

await t.test(
  'nothing that is counted is lost or counted twice, whatever is taken when',
  async () => {
    const step = fc.record({
      source: fc.constantFrom('a', 'b', 'c'),
      port: fc.integer({ min: 1, max: 4 }),
      datagrams: fc.integer({ min: 1, max: 9 }),
      take: fc.nat(3),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), steps => {
        const meter = new FlowMeter(limits)
        let sent = 0
        let taken = 0
        for (const { source, port, datagrams, take } of steps) {
          meter.add(slotOf(meter, source, port), datagrams, 0, 1)
          sent += datagrams
          for (const count of meter.take(take)) taken += count.datagrams
        }
        for (const count of meter.take(100)) taken += count.datagrams
        return sent === taken + meter.lost
      }),
    )
  },
)
