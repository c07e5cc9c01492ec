import t from 'tap'
import { Machine, payload } from '../hypervisor/fixtures/machine.js'

const SENDERS = 20
const MESSAGE = payload(48)
const SLOTS = 64
const RING = 20 * 4 * SLOTS + 16
const SHARE = (RING - 16) / SENDERS

await t.test('twenty senders that never stop have one ring in equal parts', async t => {
  const machine = new Machine()
  const sink = machine.client('sink')
  const ring = sink.ring(80, RING)
  const senders = Array.from({ length: SENDERS }, (_, i) => machine.client(`s${i}`))
  for (const sender of senders) sender.ring(1, 48)
  const burst = Array.from({ length: 100 }, () => MESSAGE)
  const counts = new Map<number, number>()
  const turns = 200
  for (let turn = 0; turn < turns; turn++) {
    // Always in the same order, and nobody waits for an event: the first are as greedy as can be.
    for (const sender of senders) sender.run('sink:80', burst, { retry: true })
    if (turn > 0) {
      for (const { session } of senders) {
        if (ring.share.heldBytes(session.domain.id) > SHARE) t.fail('one holds more than its share')
      }
    }
    for (const { source } of sink.drain(ring)) {
      counts.set(source.domain, (counts.get(source.domain) ?? 0) + 1)
    }
  }
  const received = senders.map(({ session }) => counts.get(session.domain.id) ?? 0)
  const fair = ((turns - 1) * SHARE) / SLOTS
  for (const [i, count] of received.entries()) {
    t.ok(count >= fair * 0.98 && count <= fair * 1.25, `s${i}: ${count} of ${fair}`)
  }
})

await t.test(
  'who comes into a flooded ring has its datagram in as soon as what was there is read',
  async t => {
    const machine = new Machine()
    const sink = machine.client('sink')
    const ring = sink.ring(80, RING)
    const flood = machine.client('flood')
    const polite = machine.client('polite')
    flood.ring(1, 48)
    polite.ring(1, 48)
    const burst = Array.from({ length: 200 }, () => MESSAGE)
    flood.run('sink:80', burst)
    t.equal(ring.buffer.roomBytes, 0)
    t.equal(polite.run('sink:80', [MESSAGE]).code, 'EAGAIN')
    let got = 0
    let isIn = false
    for (let read = 0; !isIn && read < RING; read += SLOTS) {
      sink.consume(ring, ring.buffer.rxOffset + SLOTS)
      flood.run('sink:80', burst, { retry: true }) // first, each time
      if (polite.sink.take().length === 0) continue
      isIn = polite.run('sink:80', [MESSAGE], { retry: true }).code === null
      got++
    }
    t.equal(isIn, true)
    t.equal(got, 1, 'at the first time it was told that there is space')
  },
)

await t.test('a ring that nobody reads holds up nobody but those who send to it', async t => {
  const machine = new Machine()
  const [slow, quick, sender] = ['slow', 'quick', 'sender'].map(name => machine.client(name))
  slow!.ring(80, 128)
  const ring = quick!.ring(80, 4096)
  sender!.ring(1, 48)
  t.equal(
    sender!.run(
      'slow:80',
      Array.from({ length: 9 }, () => MESSAGE),
    ).code,
    'EAGAIN',
  )
  let received = 0
  for (let i = 0; i < 50; i++) {
    t.equal(sender!.run('quick:80', [MESSAGE, MESSAGE]).code, null)
    received += quick!.drain(ring).length
  }
  t.equal(received, 100)
})
