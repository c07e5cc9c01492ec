import fc from 'fast-check'
import t from 'tap'
import type { Addr, DomainId, Port } from '../../src/abi/addr.js'
import { frameBytes } from '../../src/abi/frame.js'
import { RING_BYTES_MAX } from '../../src/abi/limits.js'
import { messageSlotsBytes } from '../../src/abi/message.js'
import {
  RingBuffer,
  ringLengthProblem,
  runCopy,
  sanitizeRxPtr,
  sizeOfMessage,
} from '../../src/hypervisor/ring-buffer.js'
import { DGRAM, payload, readMessages, readRing, runOf, STREAM } from './fixtures/machine.js'

const source: Addr = { domain: 7 as DomainId, port: 0xfffffffe as Port }

/** What Argo's sendv would answer for one message, having written it if there was room. */
function send(ring: RingBuffer, bytes: number): number | 'EMSGSIZE' | 'EAGAIN' {
  if (!ring.canEverFit(bytes)) return 'EMSGSIZE'
  if (messageSlotsBytes(bytes) > ring.roomBytes) return 'EAGAIN'
  ring.insert([payload(bytes)], bytes, source, DGRAM)
  return bytes
}

function insertRun(ring: RingBuffer, messages: readonly Uint8Array[], roomMax = 1 << 30) {
  const run = runOf(messages)
  const copy = runCopy()
  const count = messages.length
  const len = run.view.getUint32(0, true)
  ring.insertRun(run, 0, run.bytes.length, count, len, source, DGRAM, roomMax, copy)
  return copy
}

/** Moves both pointers of an empty ring to a place. */
function moveTo(ring: RingBuffer, pointer: number): void {
  while (ring.txPtr !== pointer) {
    ring.insert([], 0, source, DGRAM)
    ring.flush()
  }
}

await t.test('the vectors of a ring of 48 bytes, the smallest', async t => {
  const ring = new RingBuffer(48)
  t.equal(ring.maxMessageBytes, 16)
  t.equal(send(ring, 17), 'EMSGSIZE')
  t.equal(send(ring, 16), 16)
  t.equal(ring.txPtr, 32)
  t.equal(send(ring, 0), 'EAGAIN')
})

await t.test('the vectors of a ring of 128 bytes', async t => {
  const ring = new RingBuffer(128)
  t.equal(ring.payloadSpace, 96)
  t.equal(send(ring, 40), 40)
  t.same([ring.txPtr, ring.payloadSpace], [64, 32])
  t.equal(send(ring, 0), 0)
  t.same([ring.txPtr, ring.payloadSpace], [80, 16])
  t.equal(send(ring, 1), 1)
  t.same([ring.txPtr, ring.payloadSpace], [112, 0])
  t.equal(send(ring, 20), 'EAGAIN')
  t.equal(ring.consumeTo(64, ring.txOffset), 64)
  t.same([ring.rxPtr, ring.payloadSpace], [64, 48])
  t.equal(send(ring, 20), 20)
  t.same([ring.txPtr, ring.payloadSpace], [32, 0])
  t.equal(send(ring, 16), 'EAGAIN')
})

await t.test('a bogus read pointer counts as 0', async t => {
  const ring = new RingBuffer(128)
  send(ring, 0)
  t.equal(ring.consumeToPointer(4096), 0)
  t.equal(ring.payloadSpace, 80)
})

await t.test('the vectors of a ring of 4096 bytes', async t => {
  const ring = new RingBuffer(4096)
  t.equal(send(ring, 4065), 'EMSGSIZE')
  t.equal(send(ring, 4064), 4064)
  t.equal(ring.txPtr, 4080)
})

await t.test('the largest ring takes the largest message', async t => {
  const ring = new RingBuffer(RING_BYTES_MAX)
  t.equal(RING_BYTES_MAX, 16_777_152)
  t.equal(ring.maxMessageBytes, 16_777_120)
  t.equal(ring.canEverFit(16_777_120), true)
  t.equal(ring.canEverFit(16_777_121), false)
  t.equal(send(ring, 16_777_120), 16_777_120)
  t.equal(send(ring, 0), 'EAGAIN')
})

await t.test('a length that no ring has is refused, with the reason', async t => {
  for (const length of [
    0,
    32,
    47,
    49,
    56,
    RING_BYTES_MAX + 16,
    -48,
    48.5,
    NaN,
    Infinity,
    2 ** 32,
  ]) {
    t.match(ringLengthProblem(length), /^a ring is 48 to 16777152 bytes long/, String(length))
    t.throws(() => new RingBuffer(length), { name: 'AssertionError' })
  }
  for (const length of [48, 64, 4096, RING_BYTES_MAX]) t.equal(ringLengthProblem(length), undefined)
})

await t.test('sizes near 2^31 and 2^32 never look small', async t => {
  const ring = new RingBuffer(128)
  const huge = [
    2 ** 31 - 17,
    2 ** 31 - 16,
    2 ** 31 - 1,
    2 ** 31,
    2 ** 32 - 17,
    2 ** 32 - 16,
    2 ** 32 - 1,
  ]
  for (const bytes of huge) {
    t.equal(ring.canEverFit(bytes), false, `a payload of ${bytes}`)
    t.equal(sizeOfMessage(bytes), 0, `a length of ${bytes}`)
    t.equal(sanitizeRxPtr(bytes, 128), 0, `a pointer of ${bytes}`)
    const run = frameBytes(new Uint8Array(48))
    run.view.setUint32(0, bytes, true)
    const copy = runCopy()
    ring.insertRun(run, 0, 48, 1, bytes, source, DGRAM, 1 << 30, copy)
    t.equal(copy.malformed, true, `a run with a length of ${bytes}`)
  }
  t.equal(ring.txOffset, 0)
  t.equal(sizeOfMessage(2 * RING_BYTES_MAX), 2 * RING_BYTES_MAX)
  t.equal(sizeOfMessage(2 * RING_BYTES_MAX + 1), 0)
  t.same([0, 15, 16, 17, 32].map(sizeOfMessage), [0, 0, 16, 32, 32])
})

await t.test('a read pointer is rounded up to a slot, and is 0 beyond the ring', async t => {
  t.same(
    [0, 1, 16, 17, 112, 113, 127, 128, 4096].map(pointer => sanitizeRxPtr(pointer, 128)),
    [0, 16, 16, 32, 112, 0, 0, 0, 0],
  )
})

await t.test('header and payload are whole wherever in the ring they start and wrap', async t => {
  for (let start = 0; start < 96; start += 16) {
    for (let bytes = 0; bytes <= 64; bytes++) {
      const single = new RingBuffer(96)
      moveTo(single, start)
      const data = payload(bytes, start + bytes)
      const cut = bytes >> 1
      single.insert(
        [data.subarray(0, cut), new Uint8Array(0), data.subarray(cut)],
        bytes,
        source,
        STREAM,
      )
      const expected = { source, type: STREAM, data }
      t.strictSame(single.peek(), expected, `${bytes} bytes at ${start}`)
      t.strictSame(readMessages(readRing({ buffer: single })), [expected])

      const many = new RingBuffer(96)
      moveTo(many, start)
      t.equal(insertRun(many, [data]).count, 1)
      t.strictSame(many.peek(), { ...expected, type: DGRAM })
    }
  }
})

await t.test('an empty ring has nothing to peek at and no region', async t => {
  const ring = new RingBuffer(48)
  t.equal(ring.peek(), undefined)
  t.equal(ring.region(0, 100).length, 0)
  t.throws(() => ring.region(16, 1), { name: 'AssertionError' })
})

await t.test('a region ends at the memory, the last message, or what was asked for', async t => {
  const ring = new RingBuffer(96)
  moveTo(ring, 64)
  ring.insert([payload(30)], 30, source, DGRAM)
  const from = ring.rxOffset
  t.equal(ring.region(from, 1000).length, 32, 'up to the end of memory')
  t.equal(ring.region(from + 32, 1000).length, 16, 'up to the last message')
  t.equal(ring.region(from, 16).length, 16, 'as asked for')
  t.equal(ring.region(from + 48, 16).length, 0)
})

await t.test('a message that does not fit is never inserted', async t => {
  const ring = new RingBuffer(48)
  t.throws(() => ring.insert([payload(17)], 17, source, DGRAM), { name: 'AssertionError' })
  t.equal(ring.txOffset, 0)
})

await t.test('a run puts into the ring, byte for byte, what single inserts do', async () => {
  const sizes = fc.array(fc.nat({ max: 70 }), { minLength: 1, maxLength: 12 })
  const rounds = fc.array(fc.tuple(sizes, fc.nat({ max: 400 }), fc.nat({ max: 20 })), {
    maxLength: 6,
  })
  fc.assert(
    fc.property(fc.integer({ min: 3, max: 30 }), rounds, (slots, script) => {
      const runs = new RingBuffer(slots * 16)
      const singles = new RingBuffer(slots * 16)
      for (const [lengths, roomMax, consumed] of script) {
        const messages = lengths.map((length, i) => payload(length, i + length))
        const copy = insertRun(runs, messages, roomMax)
        const from = singles.txOffset
        let room = roomMax
        let count = 0
        let payloadBytes = 0
        for (const data of messages) {
          const size = messageSlotsBytes(data.length)
          if (size > Math.min(room, singles.roomBytes)) break
          singles.insert([data], data.length, source, DGRAM)
          room -= size
          payloadBytes += data.length
          count++
        }
        const next = messages[count]
        const nextSize = next === undefined ? 0 : messageSlotsBytes(next.length)
        if (copy.malformed || copy.count !== count || copy.nextSize !== nextSize) return false
        if (copy.payloadBytes !== payloadBytes) return false
        if (copy.slotBytes !== singles.txOffset - from) return false
        if (runs.txPtr !== singles.txPtr || runs.txOffset !== singles.txOffset) return false
        if (!Buffer.from(readRing({ buffer: runs })).equals(readRing({ buffer: singles })))
          return false
        const offset = runs.rxOffset + Math.min(consumed * 16, runs.usedBytes)
        runs.consumeTo(offset, runs.txOffset)
        singles.consumeTo(offset, singles.txOffset)
      }
      return true
    }),
    { numRuns: 500 },
  )
})

await t.test(
  'no byte of what is unread or of other memory changes when a run comes in',
  async t => {
    const ring = new RingBuffer(128)
    moveTo(ring, 80)
    ring.insert([payload(20, 1)], 20, source, DGRAM)
    const before = readRing({ buffer: ring })
    const copy = insertRun(ring, [payload(16, 2), payload(100, 3)])
    t.match(copy, { count: 1, nextSize: 128, malformed: false })
    t.strictSame(readRing({ buffer: ring }).subarray(0, before.length), before)
  },
)

await t.test('a malformed run publishes nothing', async t => {
  const good = runOf([payload(10), payload(20)])
  const cases: [string, number, (run: { view: DataView }) => void][] = [
    ['a first length of 0', 2, run => run.view.setUint32(0, 0, true)],
    ['a first length of 15', 2, run => run.view.setUint32(0, 15, true)],
    ['a first length beyond the run', 2, run => run.view.setUint32(0, 97, true)],
    ['a second length of 3', 2, run => run.view.setUint32(32, 3, true)],
    ['a second length beyond the run', 2, run => run.view.setUint32(32, 60, true)],
    ['a second length short of the run', 2, run => run.view.setUint32(32, 20, true)],
    ['more messages than it says', 1, () => undefined],
    ['fewer messages than it says', 3, () => undefined],
    ['no message, as it says', 0, () => undefined],
  ]
  for (const [what, count, spoil] of cases) {
    const ring = new RingBuffer(256)
    const run = frameBytes(Uint8Array.from(good.bytes))
    spoil(run)
    const copy = runCopy()
    const len = run.view.getUint32(0, true)
    ring.insertRun(run, 0, run.bytes.length, count, len, source, DGRAM, 1 << 30, copy)
    t.equal(copy.malformed, true, what)
    t.same([ring.txOffset, ring.txPtr, copy.count], [0, 0, 0], what)
  }
})

await t.test(
  'a message at the edge of the room is checked before the others are published',
  async t => {
    for (const len of [0, 15, 33, 0xffffffff]) {
      const ring = new RingBuffer(48)
      const run = runOf([payload(16), payload(8)])
      run.view.setUint32(32, len, true)
      const copy = runCopy()
      ring.insertRun(run, 0, run.bytes.length, 2, 32, source, DGRAM, 1 << 30, copy)
      t.equal(copy.malformed, true, String(len))
      t.equal(ring.txOffset, 0)
    }
    const ring = new RingBuffer(48)
    const run = runOf([payload(16), payload(8)])
    const copy = runCopy()
    ring.insertRun(run, 0, run.bytes.length, 1, 32, source, DGRAM, 1 << 30, copy)
    t.equal(copy.malformed, true, 'one message more than it says')
    t.equal(ring.txOffset, 0)
  },
)

/** Has a view note where it is read, and have another number there every time. */
function shifting(view: DataView): number[] {
  const reads: number[] = []
  const read = view.getUint32.bind(view)
  view.getUint32 = (at, littleEndian) => {
    const value = read(at, littleEndian)
    reads.push(at)
    view.setUint32(at, 0xffffffff, true)
    return value
  }
  return reads
}

await t.test('each length of a run is read once: its sender may change it at any time', async t => {
  const messages = [payload(20), payload(0), payload(100), payload(3)]
  const run = runOf(messages)
  const reads = shifting(run.view)
  const ring = new RingBuffer(128)
  const copy = runCopy()
  ring.insertRun(run, 0, run.bytes.length, 4, 36, source, DGRAM, 1 << 30, copy)
  t.same(reads, [48, 64], 'the first was read by the caller')
  t.match(copy, { count: 2, slotBytes: 64, nextSize: 128, nextBytes: 100, malformed: false })
  t.same(
    readMessages(readRing({ buffer: ring })).map(({ data }) => data.length),
    [20, 0],
  )
})

await t.test(
  'a ring has a place in memory that its owner sees, and believes nothing there',
  async () => {
    const lengths = fc.array(fc.nat({ max: 70 }), { minLength: 1, maxLength: 6 })
    const script = fc.array(fc.tuple(lengths, fc.nat(0xff), fc.nat(20)), { maxLength: 6 })
    fc.assert(
      fc.property(fc.integer({ min: 3, max: 30 }), script, (slots, rounds) => {
        const memory = new Uint8Array(slots * 16 + 64)
        const bytes = memory.subarray(32, 32 + slots * 16)
        const shared = new RingBuffer(bytes.length, {
          bytes,
          offset: 4096,
          release: () => undefined,
        })
        const own = new RingBuffer(bytes.length)
        if (shared.placeOffset !== 4096 || own.placeOffset !== undefined) return false
        for (const [sizes, garbage, consumed] of rounds) {
          bytes.fill(garbage)
          const messages = sizes.map((size, i) => payload(size, i + size))
          const from = own.txOffset
          const [mine, others] = [insertRun(own, messages), insertRun(shared, messages)]
          if (
            Object.entries(mine).some(
              ([key, value]) => others[key as keyof typeof others] !== value,
            )
          )
            return false
          const read = (ring: RingBuffer): Buffer => {
            const first = ring.region(from, 1e6)
            return Buffer.concat([first, ring.region(from + first.length, 1e6)])
          }
          if (!read(own).equals(read(shared))) return false
          const offset = own.rxOffset + Math.min(consumed * 16, own.usedBytes)
          own.consumeTo(offset, own.txOffset)
          shared.consumeTo(offset, shared.txOffset)
        }
        return memory.subarray(0, 32).every(byte => byte === 0) && memory.at(-1) === 0
      }),
      { numRuns: 300 },
    )
  },
)

await t.test('a place is as long as its ring, and is given back when the ring is', async t => {
  let released = 0
  const place = { bytes: new Uint8Array(64), offset: 0, release: () => released++ }
  t.throws(() => new RingBuffer(48, place), { name: 'AssertionError' })
  new RingBuffer(64, place).release()
  t.equal(released, 1)
  t.doesNotThrow(() => new RingBuffer(64).release())
})

await t.test('a run that is no whole slots is a bug of the caller', async t => {
  const ring = new RingBuffer(48)
  const run = runOf([payload(16)])
  for (const end of [0, 8, 24]) {
    t.throws(() => ring.insertRun(run, 0, end, 1, 32, source, DGRAM, 48, runCopy()), {
      name: 'AssertionError',
    })
  }
})

await t.test('an owner frees whole slots of what it was given, and may repeat itself', async t => {
  const ring = new RingBuffer(128)
  send(ring, 16)
  send(ring, 16)
  t.equal(ring.consumeTo(48, 32), -1, 'more than was given')
  t.equal(ring.consumeTo(80, 64), -1, 'more than there is')
  t.equal(ring.consumeTo(24, 64), -1, 'half a slot')
  t.equal(ring.consumeTo(16.5, 64), -1)
  t.equal(ring.consumeTo(NaN, 64), -1)
  t.equal(ring.consumeTo(Infinity, 64), -1)
  t.equal(ring.consumeTo(2 ** 53, 64), -1)
  t.equal(ring.consumeTo(-16, 64), 0)
  t.equal(ring.consumeTo(0, 64), 0)
  t.equal(ring.usedBytes, 64)
  t.equal(ring.consumeTo(16, 64), 16, 'a slot inside a message')
  t.equal(ring.consumeTo(16, 64), 0, 'the same again')
  t.equal(ring.consumeTo(64, 64), 48)
  t.equal(ring.rxPtr, ring.txPtr)
  t.equal(ring.flush(), 0)
})

await t.test('whatever pointer an owner names, only what is unread is freed', async () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat({ max: 40 }), fc.oneof(fc.nat({ max: 200 }), fc.nat(0xffffffff))), {
        maxLength: 30,
      }),
      script => {
        const ring = new RingBuffer(128)
        for (const [bytes, pointer] of script) {
          send(ring, bytes)
          const { rxOffset, txOffset, rxPtr } = ring
          const freed = ring.consumeToPointer(pointer)
          const asked = (sanitizeRxPtr(pointer, 128) - rxPtr + 128) % 128
          if (freed !== Math.min(asked, txOffset - rxOffset)) return false
          if (ring.rxOffset !== rxOffset + freed || ring.txOffset !== txOffset) return false
          if (ring.rxOffset % 128 !== ring.rxPtr || ring.usedBytes >= 128) return false
        }
        return true
      },
    ),
    { numRuns: 500 },
  )
})
