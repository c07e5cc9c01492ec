import { once } from 'node:events'
import t from 'tap'
import fc from 'fast-check'
import { errnoOf } from '../../src/abi/errno.js'
import { encodeNotified } from '../../src/abi/control-frame.js'
import { messageSlotsBytes } from '../../src/abi/message.js'
import {
  answered,
  attach,
  failure,
  textsOf,
  type ScriptedPeer,
  type SeenSend,
} from './fixtures/scripted-peer.js'

const bytes = (text: string): Buffer => Buffer.from(text)
const EAGAIN = errnoOf('EAGAIN')

/** A ring of some bytes whose owner reads a little whenever something is refused. */
class TinyRing {
  readonly accepted: number[] = []
  readonly #peer: ScriptedPeer
  readonly #capacity: number
  #used = 0
  #isBlocked = false

  constructor(peer: ScriptedPeer, capacity: number) {
    this.#peer = peer
    this.#capacity = capacity
    peer.onSend = send => this.#take(send)
  }

  #take(send: SeenSend): void {
    const { firstSeq, payloads, retry } = send
    if (retry) this.#isBlocked = false
    let count = 0
    while (!this.#isBlocked && count < payloads.length) {
      const payload = payloads[count]!
      const size = messageSlotsBytes(payload.length)
      if (this.#used + size > this.#capacity) {
        this.#isBlocked = true
        this.#free(size)
        break
      }
      this.#used += size
      this.accepted.push(payload.readUInt32LE())
      count++
    }
    const refused = payloads.length - count
    const entries = refused === 0 ? [] : [failure(firstSeq + count, refused, EAGAIN)]
    this.#peer.sent(firstSeq + payloads.length, ...entries)
  }

  #free(size: number): void {
    setImmediate(() => {
      this.#used = Math.min(this.#used, this.#capacity - size)
      const value = this.#capacity - this.#used - 16
      this.#peer.event({ kind: 'space', target: this.#peer.handleOf('web'), port: 80, value })
    })
  }
}

await t.test('no more is on the way than a ring has room for, until it has plenty', async t => {
  const { domain, peer } = await attach()
  const ring = await domain.bind(9)
  const payloads = Array.from({ length: 8 }, () => new Uint8Array(16)) // 32 slot bytes each
  t.equal(ring.sendMany('web:80', payloads.slice(0, 2)), 2)
  await peer.until(() => peer.sends.length === 1)
  const room = (value: number): void =>
    peer.event({ kind: 'room', target: peer.handleOf('web'), port: 80, value })
  room(80) // 96 slot bytes: three messages
  peer.sent(2)
  await answered(peer)
  t.equal(ring.sendMany('web:80', payloads), 3)
  room(0)
  peer.sent(5)
  await answered(peer)
  t.equal(ring.sendMany('web:80', payloads), 1, 'one may always be on the way')
  peer.sent(6)
  await answered(peer)
  t.equal(ring.sendMany('web:80', payloads), 1, 'the room grows with what is accepted')
  peer.sent(7)
  await answered(peer)
  t.equal(ring.sendMany('web:80', payloads), 2)
  peer.sent(9)
  await answered(peer)
  room(1_000_000)
  await answered(peer)
  t.equal(ring.sendMany('web:80', payloads), 8)
  peer.sent(17)
  await domain.close()
})

await t.test(
  'after a refusal for space nothing is sent until all is answered and there is space',
  async t => {
    const { domain, peer } = await attach()
    const ring = await domain.bind(9)
    ring.trySend('web:80', bytes('a'))
    ring.trySend('web:80', bytes('b'))
    await peer.until(() => peer.sends.length === 1)
    ring.trySend('web:80', bytes('c'))
    await peer.until(() => peer.sends.length === 2)
    peer.sent(2, failure(1, 1, EAGAIN))
    const target = peer.handleOf('web')
    peer.event({ kind: 'space', target, port: 80, value: 1000 })
    await answered(peer)
    t.equal(ring.trySend('web:80', bytes('x')), false, 'blocked')
    t.ok(ring.trySend('other:80', bytes('o')), 'other addresses are not held up')
    await peer.until(() => peer.sends.length === 3)
    t.same(textsOf(peer), ['a', 'b', 'c', 'o'], 'c is not answered yet')
    const drained = once(ring, 'drain')
    peer.sent(3, failure(2, 1, EAGAIN))
    await peer.until(() => peer.sends.length === 4)
    t.match(peer.sends[3], { retry: true, firstSeq: 4 })
    t.same(peer.sends[3]?.payloads.map(String), ['b', 'c'])
    peer.sent(6)
    t.same(await drained, ['web:80'])
    t.ok(ring.trySend('web:80', bytes('x')))
    await peer.until(() => peer.sends.length === 5)
    t.equal(peer.sends[4]?.retry, false)
    peer.sent(7)
    await domain.close()
  },
)

await t.test('a space event that overtakes its refusal counts', async t => {
  const { domain, peer } = await attach()
  const ring = await domain.bind(9)
  const sent = ring.send('web:80', bytes('a'))
  await peer.until(() => peer.sends.length === 1)
  peer.event({ kind: 'space', target: peer.handleOf('web'), port: 80, value: 16 })
  peer.sent(1, failure(0, 1, EAGAIN))
  await peer.until(() => peer.sends.length === 2)
  t.equal(peer.sends[1]?.retry, true)
  peer.sent(2)
  await sent
  await domain.close()
})

await t.test('where no space event follows it tries again by itself', async t => {
  const { domain, peer } = await attach()
  const ring = await domain.bind(9)
  const sent = ring.send('web:80', bytes('a'))
  await peer.until(() => peer.sends.length === 1)
  peer.sent(1, failure(0, 1, errnoOf('EBUSY')))
  await peer.until(() => peer.sends.length === 2)
  t.equal(peer.sends[1]?.retry, true)
  peer.sent(2)
  await sent
  await domain.close()
})

await t.test('a retry starts with as much as the space event spoke of', async t => {
  const { domain, peer } = await attach()
  const ring = await domain.bind(9)
  for (let i = 0; i < 10; i++) ring.trySend('web:80', Buffer.alloc(1000, i))
  await peer.until(() => peer.sends.length === 1)
  peer.sent(10, failure(0, 10, errnoOf('EDQUOT')))
  peer.event({ kind: 'space', target: peer.handleOf('web'), port: 80, value: 3100 })
  await peer.until(() => peer.sends.length === 2)
  await answered(peer)
  t.equal(peer.sends[1]?.payloads.length, 3)
  t.equal(ring.trySend('web:80', bytes('later')), false)
  peer.onSend = send => peer.sent(send.firstSeq + send.payloads.length)
  peer.sent(13)
  await once(ring, 'drain')
  await peer.until(() => textsOf(peer).length === 20)
  t.same(
    peer.sends.slice(1).flatMap(send => send.payloads.map(payload => payload[0])),
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
  )
  await domain.close()
})

await t.test('windows bound what is on the way, and drain tells when it goes on', async t => {
  const { domain, peer } = await attach()
  const ring = await domain.bind(9)
  const payload = Buffer.alloc(1024)
  let taken = 0
  while (ring.trySend('web:80', payload)) taken++
  t.equal(taken, Math.floor((2 * 1024 * 1024) / messageSlotsBytes(1024)))
  for (const name of ['a', 'b', 'c', 'd']) while (ring.trySend(`${name}:80`, payload)) taken++
  t.equal(taken * messageSlotsBytes(1024) >= 4 * 1024 * 1024, true)
  t.equal((taken - 1) * messageSlotsBytes(1024) < 4 * 1024 * 1024, true)
  const drained: string[] = []
  ring.on('drain', to => drained.push(to))
  await peer.until(() => textsOf(peer).length === taken)
  peer.sent(taken)
  await answered(peer)
  t.same(drained.toSorted(), ['a:80', 'b:80', 'c:80', 'd:80', 'web:80'])
  await domain.close()
})

await t.test('when the ring goes, what waits for space in it fails with ECONNRESET', async t => {
  const { domain, peer } = await attach()
  const ring = await domain.bind(9)
  const a = ring.send('web:80', bytes('a'))
  await peer.until(() => peer.sends.length === 1)
  const b = ring.send('web:80', bytes('b'))
  await peer.until(() => peer.sends.length === 2)
  peer.sent(1, failure(0, 1, EAGAIN))
  await answered(peer)
  const c = ring.send('web:80', bytes('c'))
  const target = peer.handleOf('web')
  peer.event({ kind: 'ring-down', target, port: 80, value: 0 })
  await t.rejects(a, { code: 'ECONNRESET', target: 'web:80' })
  await t.rejects(c, { code: 'ECONNRESET' })
  peer.sent(2, failure(1, 1, EAGAIN)) // decided before the ring went, told after
  await t.rejects(b, { code: 'ECONNRESET' })
  const d = ring.send('web:80', bytes('d'))
  await peer.until(() => peer.sends.length === 3)
  t.equal(peer.sends[2]?.retry, true, 'a new ring may have refused b')
  peer.sent(3)
  await d
  await domain.close()
})

await t.test('with wait: true a message waits for its ring to appear', async t => {
  const { domain, peer } = await attach()
  const ring = await domain.bind(9)
  const a = ring.send('web:80', bytes('a'), { wait: true })
  const b = ring.send('web:80', bytes('b'), { wait: true })
  await peer.until(() => peer.sends.length === 1)
  t.same(textsOf(peer), ['a'], 'one at a time while nobody is known to listen')
  peer.sent(1, failure(0, 1, errnoOf('ECONNREFUSED')))
  await peer.until(() => peer.notifies.length === 1)
  const { requestId, sourcePort, entries } = peer.notifies[0]!
  const target = peer.handleOf('web')
  t.same(entries, [{ target, port: 80, spaceRequired: 0, wantRing: true }])
  t.equal(sourcePort, 9)
  const entry = { target, port: 80, flags: 0, maxMessageBytes: 0, spaceBytes: 0 }
  peer.send(encodeNotified(requestId, [{ ...entry, errno: errnoOf('ECONNREFUSED') }]))
  await answered(peer)
  const c = ring.send('web:80', bytes('c'))
  await peer.until(() => peer.sends.length === 2)
  peer.sent(2, failure(1, 1, errnoOf('ECONNREFUSED')))
  await t.rejects(c, { code: 'ECONNREFUSED' }, 'others do not wait')
  peer.onSend = send => peer.sent(send.firstSeq + send.payloads.length)
  peer.event({ kind: 'ring-up', target, port: 80, value: 0 })
  await Promise.all([a, b])
  t.same(textsOf(peer), ['a', 'c', 'a', 'b'])
  await domain.close()
})

await t.test('waiting for a ring ends when policy says no, and with the call', async t => {
  const { domain, peer } = await attach()
  const ring = await domain.bind(9)
  const controller = new AbortController()
  const sends = [
    ring.send('web:80', bytes('a'), { wait: true, signal: controller.signal }),
    ring.send('web:80', bytes('b'), { wait: true }),
  ]
  const outcomes = Promise.allSettled(sends)
  await peer.until(() => peer.sends.length === 1)
  peer.sent(1, failure(0, 1, errnoOf('ESRCH')))
  await peer.until(() => peer.notifies.length === 1)
  controller.abort()
  const entry = { target: peer.handleOf('web'), port: 80, flags: 0, maxMessageBytes: 0 }
  const answer = [{ ...entry, spaceBytes: 0, errno: errnoOf('EPERM') }]
  peer.send(encodeNotified(peer.notifies[0]!.requestId, answer))
  const [a, b] = await outcomes
  t.match(a, { reason: { name: 'AbortError' } })
  t.match(b, { reason: { code: 'EPERM' } })
  await domain.close()
})

await t.test('a ring that refuses as it likes gets every message once and in order', async t => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat({ max: 300 }), { minLength: 1, maxLength: 60 }),
      fc.integer({ min: 500, max: 3000 }),
      fc.array(fc.nat({ max: 2 }), { minLength: 60, maxLength: 60 }),
      async (sizes, capacity, style) => {
        const { domain, peer } = await attach()
        const tiny = new TinyRing(peer, capacity)
        const ring = await domain.bind(9)
        const promises: Promise<void>[] = []
        for (const [i, size] of sizes.entries()) {
          const payload = Buffer.alloc(4 + size, i)
          payload.writeUInt32LE(i)
          if (style[i] === 0) promises.push(ring.send('web:80', payload))
          else while (!ring.trySend('web:80', payload)) await once(ring, 'drain')
          if (style[i] === 2) await new Promise(resolve => setImmediate(resolve))
        }
        await Promise.all(promises)
        await ring.close()
        t.same(
          tiny.accepted,
          sizes.map((_, i) => i),
        )
        await domain.close()
      },
    ),
    { numRuns: 60 },
  )
})
