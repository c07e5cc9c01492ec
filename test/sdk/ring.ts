import { once } from 'node:events'
import t from 'tap'
import fc from 'fast-check'
import { MESSAGE_TYPES } from '../../src/abi/addr.js'
import type { Batch } from '../../src/sdk/batch.js'
import type { Datagram } from '../../src/sdk/datagram.js'
import type { Ring } from '../../src/sdk/ring.js'
import { attach, slotsOf, type ScriptedPeer } from './fixtures/scripted-peer.js'

const bytes = (text: string): Buffer => Buffer.from(text)

/** Reads so many datagrams one by one. */
async function take(ring: Ring, count: number): Promise<Datagram[]> {
  const taken: Datagram[] = []
  for await (const datagram of ring) {
    taken.push(datagram)
    if (taken.length === count) break
  }
  return taken
}

await t.test('a datagram says who sent it, and can be answered', async t => {
  const { domain, peer } = await attach()
  const ring = await domain.bind(9, { size: 1024 })
  peer.domain(7, 'web')
  peer.ringData(1, 0, slotsOf([bytes('hello')], 7, 80, MESSAGE_TYPES.stream))
  const [datagram] = await take(ring, 1)
  t.match(datagram, { source: { domain: 'web', port: 80 }, sourceId: 7, type: 'stream' })
  t.same(datagram?.data, new Uint8Array(bytes('hello')))
  const answered = datagram?.reply(bytes('back'))
  await peer.until(() => peer.sends.length === 1)
  t.match(peer.sends[0], { target: 'web', port: 80, sourcePort: 9 })
  peer.sent(1)
  await answered
  t.same(peer.consumed, [[1, 32]])
  await domain.close()
})

await t.test('batches show where each datagram lies and are consumed by the next step', async t => {
  const { domain, peer } = await attach()
  const ring = await domain.bind(9, { size: 4096 })
  peer.domain(7, 'web')
  peer.domain(8, 'agent')
  peer.ringData(
    1,
    0,
    Buffer.concat([slotsOf([bytes('a'), bytes('')]), slotsOf([bytes('b')], 8, 81)]),
  )
  const batches = ring.batches()
  const step = await batches.next()
  const batch = step.value as Batch
  t.equal(batch.length, 3)
  t.same(
    [0, 1, 2].map(i => Buffer.from(batch.data(i)).toString()),
    ['a', '', 'b'],
  )
  t.same(
    [0, 1, 2].map(i => batch.source(i)),
    ['web', 'web', 'agent'],
  )
  t.same(
    [0, 1, 2].map(i => batch.sourcePort(i)),
    [80, 80, 81],
  )
  t.equal(batch.type(2), 'dgram')
  t.equal(batch.bytes[batch.start(2)], 'b'.charCodeAt(0))
  t.equal(batch.end(0) - batch.start(0), 1)
  t.throws(() => batch.data(3))
  t.same(peer.consumed, [])
  const next = batches.next()
  await peer.until(() => peer.consumed.length === 1)
  t.same(peer.consumed, [[1, 80]])
  peer.ringData(1, 80, slotsOf([bytes('c')]))
  t.equal((await next).value?.length, 1)
  await batches.return?.()
  await peer.until(() => peer.consumed.length === 2)
  t.same(peer.consumed[1], [1, 112])
  await domain.close()
})

await t.test('a message that goes round the end of the ring comes whole, by itself', async t => {
  const { domain, peer } = await attach()
  const ring = await domain.bind(9, { size: 128 })
  peer.ringData(1, 0, slotsOf([Buffer.alloc(64, 1)]))
  await take(ring, 1)
  const wrapped = Buffer.from(Array.from({ length: 50 }, (_, i) => i))
  const slots = slotsOf([wrapped, bytes('z')])
  peer.ringData(1, 80, slots.subarray(0, 48))
  peer.ringData(1, 128, slots.subarray(48))
  const lengths: number[] = []
  const payloads: Buffer[] = []
  for await (const batch of ring.batches()) {
    lengths.push(batch.length)
    for (let i = 0; i < batch.length; i++) payloads.push(Buffer.from(batch.data(i)))
    if (payloads.length === 2) break
  }
  t.same(lengths, [1, 1])
  t.same(payloads, [wrapped, bytes('z')])
  await domain.close()
})

await t.test('what arrives in any pieces is read as it was written', async t => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat({ max: 200 }), { minLength: 1, maxLength: 40 }),
      fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 20, maxLength: 20 }),
      fc.boolean(),
      async (sizes, cuts, isByBatch) => {
        const { domain, peer } = await attach()
        const ring = await domain.bind(9, { size: 512 })
        const payloads = sizes.map((size, i) => Buffer.alloc(size, i + 1))
        const received: Buffer[] = []
        const reading = isByBatch
          ? readBatches(ring, payloads.length, received)
          : take(ring, payloads.length).then(taken =>
              received.push(...taken.map(datagram => Buffer.from(datagram.data))),
            )
        await feed(peer, slotsOf(payloads), 512, cuts)
        await reading
        t.same(received, payloads)
        await domain.close()
      },
    ),
    { numRuns: 40 },
  )
})

await t.test(
  'datagrams read one by one stay as they were when the ring is filled anew',
  async t => {
    const { domain, peer } = await attach()
    const length = 256 * 1024
    const ring = await domain.bind(9, { size: length })
    // Empty ones, many short ones, and such as are longer than what is copied together.
    const sizes = [0, 1, 15, 16, 17, 4095, 4096, 4097, 70_000, 3, ...Array<number>(40).fill(3000)]
    const payloads = [...sizes, ...sizes, ...sizes].map((size, i) => Buffer.alloc(size, i + 1))
    const taking = take(ring, payloads.length)
    await feed(peer, slotsOf(payloads), length, [1, 700, 4000])
    const taken = await taking
    t.same(
      taken.map(({ data }) => Buffer.from(data)),
      payloads,
    )
    await domain.close()
  },
)

await t.test('calls of next that do not wait for each other are answered in order', async t => {
  const { domain, peer } = await attach()
  const ring = await domain.bind(9, { size: 1024 })
  const iterator = ring[Symbol.asyncIterator]()
  const steps = [iterator.next(), iterator.next(), iterator.next(), iterator.next()]
  peer.ringData(1, 0, slotsOf([bytes('a'), bytes('b')]))
  peer.ringData(1, 64, slotsOf([bytes('c')]))
  const first = await Promise.all(steps.slice(0, 3))
  t.same(
    first.map(({ value }) => Buffer.from(value!.data).toString()),
    ['a', 'b', 'c'],
  )
  await domain.close()
  t.same(await steps[3], { done: true, value: undefined })
  t.same(await iterator.next(), { done: true, value: undefined })
})

async function readBatches(ring: Ring, count: number, received: Buffer[]): Promise<void> {
  for await (const batch of ring.batches()) {
    for (let i = 0; i < batch.length; i++) received.push(Buffer.from(batch.data(i)))
    if (received.length === count) break
  }
}

/** Gives slots to a ring of some length in pieces, never more than it has room for. */
async function feed(
  peer: ScriptedPeer,
  slots: Buffer,
  length: number,
  cuts: readonly number[],
): Promise<void> {
  let at = 0
  for (let i = 0; at < slots.length; i++) {
    const end = Math.min(slots.length, at + cuts[i % cuts.length]! * 16)
    await peer.until(() => end - (peer.consumed.at(-1)?.[1] ?? 0) <= length)
    peer.ringData(1, at, slots.subarray(at, end))
    at = end
  }
}

await t.test('receive takes one datagram, within its time', async t => {
  const { domain, peer } = await attach()
  const ring = await domain.bind(9, { size: 1024 })
  peer.ringData(1, 0, slotsOf([bytes('a'), bytes('b')]))
  t.same(Buffer.from((await ring.receive()).data), bytes('a'))
  t.same(Buffer.from((await ring.receive({ timeoutMs: 1000 })).data), bytes('b'))
  await t.rejects(ring.receive({ timeoutMs: 1 }), { code: 'ETIMEDOUT' })
  const controller = new AbortController()
  const aborted = ring.receive({ signal: controller.signal })
  await t.rejects(ring.receive(), { code: 'EINVAL' }, 'one consumer at a time')
  controller.abort()
  await t.rejects(aborted, { name: 'AbortError' })
  const last = ring.receive()
  peer.ringData(1, 64, slotsOf([bytes('c')]))
  t.same(Buffer.from((await last).data), bytes('c'))
  const ended = ring.receive()
  await Promise.all([t.rejects(ended, { code: 'ECONNRESET' }), ring.close()])
  await domain.close()
})

await t.test('a closed ring ends its reader, is unregistered and sends nothing more', async t => {
  const { domain, peer } = await attach()
  const ring = await domain.bind(9, { size: 1024 })
  const reading = take(ring, 1)
  const closed = once(ring, 'close')
  const sent = ring.send('web:80', bytes('a'))
  const closing = ring.close()
  t.equal(ring.close(), closing)
  await peer.until(() => peer.sends.length === 1)
  t.same(peer.unregistered, [], 'what was taken is decided first')
  peer.sent(1)
  await sent
  await closing
  t.same(await closed, [undefined])
  t.same(peer.unregistered, [1])
  t.same(await reading, [])
  t.throws(() => ring.trySend('web:80', bytes('b')), { code: 'EADDRNOTAVAIL' })
  await t.rejects(ring.send('web:80', bytes('b')), { code: 'EADDRNOTAVAIL' })
  peer.ringData(1, 0, slotsOf([bytes('late')]))
  await domain.close()
})

await t.test('addresses that are none are refused', async t => {
  const { domain } = await attach()
  const ring = await domain.bind(9)
  for (const to of ['web', 'web:x', 'WEB:80', 'tag:80', { domain: 'web', port: -1 }]) {
    t.throws(() => ring.trySend(to, bytes('a')), { name: 'V4vError', code: 'EINVAL' })
  }
  await domain.close()
})

await t.test(
  'the daemon must not leave what is no message, nor more than the ring holds',
  async t => {
    const torn = await attach()
    const ring = await torn.domain.bind(9, { size: 128 })
    torn.peer.ringData(1, 0, Buffer.alloc(16))
    await t.rejects(ring.receive(), { code: 'EPROTO' })
    torn.peer.ringData(1, 16, Buffer.alloc(128))
    t.match(await torn.domain.closed, { code: 'ECONNRESET', cause: { code: 'EPROTO' } })
    const gap = await attach()
    await gap.domain.bind(9)
    gap.peer.ringData(1, 16, Buffer.alloc(16))
    t.match(await gap.domain.closed, { cause: { code: 'EPROTO' } })
  },
)
