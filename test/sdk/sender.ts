import { once } from 'node:events'
import t from 'tap'
import fc from 'fast-check'
import { MESSAGE_TYPES } from '../../src/abi/addr.js'
import { errnoOf } from '../../src/abi/errno.js'
import { encodeNotified, encodePing } from '../../src/abi/control-frame.js'
import { FRAME } from '../../src/abi/frame.js'
import { MESSAGE_BYTES_MAX } from '../../src/abi/limits.js'
import { messageSlotsBytes } from '../../src/abi/message.js'
import { AbortError, type V4vError } from '../../src/sdk/errors.js'
import { attach, type ScriptedPeer, type SeenSend } from './fixtures/scripted-peer.js'

const bytes = (text: string): Buffer => Buffer.from(text)
const texts = (peer: ScriptedPeer): string[] =>
  peer.sends.flatMap(send => send.payloads.map(String))
const EAGAIN = errnoOf('EAGAIN')
/** Settles when the client has worked through everything the peer sent so far. */
async function answered(peer: ScriptedPeer): Promise<void> {
  const count = peer.pongs.length + 1
  peer.send(encodePing(FRAME.PING, 1, 2))
  await peer.until(() => peer.pongs.length === count)
}
const failure = (firstSeq: number, count: number, errno: number, decisionId = 0) => ({
  firstSeq,
  count,
  errno,
  decisionId,
})

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

await t.test(
  'sendMany takes as many as trySend would, and drain tells when to try the rest',
  async t => {
    const { domain, peer } = await attach()
    const ring = await domain.bind(9)
    const payloads = Array.from({ length: 60 }, (_, i) => Buffer.alloc(i === 3 ? 0 : 60_000, i))
    const taken = ring.sendMany('web:80', payloads)
    t.ok(taken > 1 && taken < payloads.length, `${taken} are taken`)
    t.notOk(ring.trySend('web:80', payloads[0]!))
    t.equal(ring.sendMany('web:80', payloads.slice(taken)), 0)
    t.equal(ring.sendMany('web:81', []), 0)
    const drained = once(ring, 'drain')
    await peer.until(() => peer.sends.flatMap(send => send.payloads).length === taken)
    peer.sent(taken)
    t.same(await drained, ['web:80'])
    t.equal(ring.sendMany('web:80', payloads.slice(taken)), payloads.length - taken)
    await peer.until(() => peer.sends.flatMap(send => send.payloads).length === payloads.length)
    peer.sent(payloads.length)
    await ring.close()
    t.same(
      peer.sends.flatMap(send => send.payloads),
      payloads,
    )
    await domain.close()
  },
)

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

await t.test('sendMany takes nothing at all where one is too large', async t => {
  const { domain, peer } = await attach()
  const ring = await domain.bind(9)
  const tooLarge = new Uint8Array(MESSAGE_BYTES_MAX + 1)
  t.throws(() => ring.sendMany('web:80', [bytes('a'), tooLarge]), { code: 'EMSGSIZE' })
  t.throws(() => ring.sendMany('web', [bytes('a')]), { code: 'EINVAL' })
  await ring.close()
  t.same(peer.sends, [])
  t.throws(() => ring.sendMany('web:80', [bytes('a')]), { code: 'EADDRNOTAVAIL' })
  await domain.close()
})

await t.test('messages of a turn to one address share a frame, others have their own', async t => {
  const { domain, peer } = await attach()
  const ring = await domain.bind(9)
  t.ok(ring.trySend('web:80', bytes('a')))
  t.ok(ring.trySend('web:80', bytes('')))
  t.ok(ring.trySend({ domain: 'web', port: 80 }, bytes('b'.repeat(17))))
  t.ok(ring.trySend('7:81', bytes('c'), 'stream'))
  await peer.until(() => peer.sends.length === 2)
  t.match(peer.sends[0], {
    target: 'web',
    port: 80,
    sourcePort: 9,
    type: MESSAGE_TYPES.dgram,
    firstSeq: 0,
    retry: false,
  })
  t.same(peer.sends[0]?.payloads.map(String), ['a', '', 'b'.repeat(17)])
  t.match(peer.sends[1], { target: '7', port: 81, type: MESSAGE_TYPES.stream, firstSeq: 3 })
  peer.sent(4)
  await domain.close()
})

await t.test('a frame holds up to 128 KiB, or one message that is larger', async t => {
  const { domain, peer } = await attach()
  const ring = await domain.bind(9)
  for (let i = 0; i < 5; i++) ring.trySend('web:80', Buffer.alloc(60_000, i))
  ring.trySend('web:80', Buffer.alloc(400_000, 9))
  await peer.until(() => texts(peer).length === 6)
  t.same(peer.sends[0]?.payloads.length, 2, 'a third one would not fit')
  const large = peer.sends.at(-1)?.payloads
  t.same(large, [Buffer.alloc(400_000, 9)])
  peer.sent(6)
  await domain.close()
})

await t.test('the largest message goes, a larger one is refused here', async t => {
  const { domain, peer } = await attach()
  peer.onSend = send => peer.sent(send.firstSeq + send.payloads.length)
  const ring = await domain.bind(9)
  await ring.send('web:80', Buffer.alloc(MESSAGE_BYTES_MAX, 1))
  t.equal(peer.sends[0]?.payloads[0]?.length, MESSAGE_BYTES_MAX)
  const larger = Buffer.alloc(MESSAGE_BYTES_MAX + 1)
  await t.rejects(ring.send('web:80', larger), { code: 'EMSGSIZE', target: 'web:80' })
  t.throws(() => ring.trySend('web:80', larger), { code: 'EMSGSIZE' })
  await domain.close()
})

await t.test('up to 8 buffers make one message', async t => {
  const { domain, peer } = await attach()
  peer.onSend = send => peer.sent(send.firstSeq + send.payloads.length)
  const ring = await domain.bind(9)
  await ring.sendv('web:80', 'abcdefgh'.split('').map(bytes))
  await ring.sendv('web:80', [])
  t.same(texts(peer), ['abcdefgh', ''])
  await t.rejects(
    ring.sendv(
      'web:80',
      Array.from({ length: 9 }, () => bytes('x')),
    ),
    { code: 'EINVAL' },
  )
  await domain.close()
})

await t.test('send settles with what became of its message', async t => {
  const { domain, peer } = await attach()
  const ring = await domain.bind(9)
  const outcomes = Promise.allSettled(['a', 'b', 'c', 'd'].map(x => ring.send('web:80', bytes(x))))
  await peer.until(() => peer.sends.length === 1)
  peer.sent(2, failure(1, 1, errnoOf('EPERM'), 0x1f))
  peer.sent(4, failure(2, 1, errnoOf('ESRCH')))
  const [a, b, c, d] = await outcomes
  t.equal(a?.status, 'fulfilled')
  t.match(b, {
    reason: { name: 'V4vError', code: 'EPERM', errno: 1, decisionId: 'd-1f', retryable: false },
  })
  t.match(c, { reason: { code: 'ESRCH', decisionId: undefined, target: 'web:80' } })
  t.equal(d?.status, 'fulfilled')
  await domain.close()
})

await t.test('what trySend took and was refused for good is told by an event', async t => {
  const { domain, peer } = await attach()
  const ring = await domain.bind(9)
  for (const x of ['a', 'b', 'c']) ring.trySend('web:80', bytes(x))
  const refused = once(ring, 'refused')
  await peer.until(() => peer.sends.length === 1)
  peer.sent(3, failure(1, 2, errnoOf('ECONNREFUSED')))
  const [error, count] = (await refused) as [V4vError, number]
  t.match(error, { code: 'ECONNREFUSED', target: 'web:80' })
  t.equal(count, 2)
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
    t.same(texts(peer), ['a', 'b', 'c', 'o'], 'c is not answered yet')
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
  await peer.until(() => texts(peer).length === 20)
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
  await peer.until(() => texts(peer).length === taken)
  peer.sent(taken)
  await answered(peer)
  t.same(drained.toSorted(), ['a:80', 'b:80', 'c:80', 'd:80', 'web:80'])
  await domain.close()
})

await t.test('a call that is ended before its message was sent leaves no message', async t => {
  const { domain, peer } = await attach()
  const ring = await domain.bind(9)
  ring.trySend('web:80', bytes('a'))
  await peer.until(() => peer.sends.length === 1)
  peer.sent(1, failure(0, 1, EAGAIN))
  await answered(peer)
  const controller = new AbortController()
  const aborted = ring.send('web:80', bytes('b'), { signal: controller.signal })
  const late = ring.send('web:80', bytes('c'), { timeoutMs: 1 })
  const kept = ring.send('web:80', bytes('d'))
  controller.abort(new Error('enough'))
  await t.rejects(aborted, { name: 'AbortError', code: 'ABORT_ERR', cause: { message: 'enough' } })
  await t.rejects(late, { code: 'ETIMEDOUT', retryable: true })
  await t.rejects(ring.send('web:80', bytes('e'), { signal: AbortSignal.abort() }), AbortError)
  await t.rejects(ring.send('web:80', bytes('e'), { timeoutMs: -1 }), { code: 'EINVAL' })
  peer.onSend = send => peer.sent(send.firstSeq + send.payloads.length)
  peer.event({ kind: 'space', target: peer.handleOf('web'), port: 80, value: 1000 })
  await kept
  t.same(texts(peer), ['a', 'a', 'd'])
  await domain.close()
})

await t.test(
  'a call that is ended with its message on the way settles with its outcome',
  async t => {
    const { domain, peer } = await attach()
    const ring = await domain.bind(9)
    const controller = new AbortController()
    const { signal } = controller
    const arrives = ring.send('web:80', bytes('a'), { signal })
    const isRefused = ring.send('web:80', bytes('b'), { signal })
    await peer.until(() => peer.sends.length === 1)
    controller.abort()
    peer.sent(2, failure(1, 1, EAGAIN))
    await arrives
    await t.rejects(isRefused, AbortError)
    const next = ring.send('web:80', bytes('c'))
    peer.event({ kind: 'space', target: peer.handleOf('web'), port: 80, value: 1000 })
    await peer.until(() => peer.sends.length === 2)
    t.match(peer.sends[1], { retry: true })
    t.same(texts(peer), ['a', 'b', 'c'])
    peer.sent(3)
    await next
    await domain.close()
  },
)

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
  t.same(texts(peer), ['a'], 'one at a time while nobody is known to listen')
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
  t.same(texts(peer), ['a', 'c', 'a', 'b'])
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
