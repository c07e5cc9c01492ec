import fc from 'fast-check'
import t from 'tap'
import {
  SHARED_CHUNK_BYTES,
  SHARED_WORD,
  sharedLayout,
  sharedMemory,
  UP_QUEUE_LENGTH,
  type SharedMemory,
} from '../../src/abi/shared-memory.js'
import { UpReader } from '../../src/abi/up-queue.js'
import { CHUNK_BYTES, HeapChunks, type Chunk } from '../../src/sdk/chunk.js'
import { UpSender } from '../../src/sdk/up-sender.js'

const SLOT = 16

/** A sender and the daemon that reads what it sends. */
class Pair {
  readonly memory: SharedMemory
  readonly sender: UpSender
  readonly #reader: UpReader

  constructor(chunks: number) {
    const layout = sharedLayout(chunks, 0)
    this.memory = sharedMemory(new Uint8Array(layout.bytes))
    this.sender = new UpSender(this.memory, layout)
    this.#reader = new UpReader(this.memory, layout)
  }

  get wantsSpace(): boolean {
    return this.memory.words[SHARED_WORD.CLIENT_WANTS_SPACE] !== 0
  }

  /** Takes descriptors. @returns their bytes, copied when they are taken. */
  take(descriptors = Infinity): Buffer {
    const pieces: Uint8Array[] = []
    for (let i = 0; i < descriptors && this.#reader.waiting > 0; i++) {
      if (!this.#reader.read()) throw new Error('a descriptor is not of the chunks')
      const { offset, length } = this.#reader
      pieces.push(this.memory.bytes.slice(offset, offset + length))
      this.#reader.done()
    }
    return Buffer.concat(pieces)
  }
}

/** Bytes of which each slot has another number. */
class Counter {
  #next = 1

  fill(bytes: Uint8Array): Uint8Array {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    for (let at = 0; at < bytes.length; at += 4) view.setUint32(at, this.#next++, true)
    return bytes
  }
}

await t.test('pieces of chunks and of other memory arrive as one stream', async () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('chunk'), slots: fc.integer({ min: 1, max: 40 }) }),
    fc.record({ kind: fc.constant('heap'), slots: fc.integer({ min: 1, max: 40_000 }) }),
    fc.record({ kind: fc.constant('take'), slots: fc.integer({ min: 1, max: 6 }) }),
    fc.record({ kind: fc.constant('flush'), slots: fc.constant(0) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), steps => {
      const pair = new Pair(3)
      const counter = new Counter()
      const sent: Uint8Array[] = []
      const received: Uint8Array[] = []
      for (const { kind, slots } of steps) {
        if (kind === 'take') {
          received.push(pair.take(slots))
        } else if (kind === 'flush') {
          pair.sender.flush()
        } else {
          const chunk = kind === 'chunk' ? pair.sender.chunks.take(0) : undefined
          const piece = chunk?.bytes.subarray(0, slots * SLOT) ?? new Uint8Array(slots * SLOT)
          sent.push(counter.fill(piece).slice())
          pair.sender.send([piece])
          if (chunk === undefined) continue
          chunk.endsUnanswered = true
          chunk.home.give(chunk)
        }
      }
      while (pair.sender.isWaiting) {
        received.push(pair.take(3))
        pair.sender.flush()
      }
      received.push(pair.take())
      if (pair.wantsSpace) throw new Error('space is wanted for nothing')
      return Buffer.concat(received).equals(Buffer.concat(sent))
    }),
    { numRuns: 60 },
  )
})

await t.test('a chunk is used again only when the daemon has read it', async t => {
  const pair = new Pair(3)
  const { sender, memory } = pair
  const first = sender.chunks.take(0)
  const second = sender.chunks.take(0)
  t.not(first, second)
  t.equal(second.bytes.buffer, memory.bytes.buffer)
  sender.send([first.bytes.subarray(0, 32)])
  first.home.give(first)
  const third = sender.chunks.take(0)
  t.not(third.bytes.buffer, memory.bytes.buffer, 'of the heap, as none is free')
  pair.take()
  t.equal(sender.chunks.take(0), first)
})

await t.test('a chunk of which a piece waits for room is not used again', async t => {
  const pair = new Pair(2)
  const chunk = pair.sender.chunks.take(0)
  for (let i = 0; i < UP_QUEUE_LENGTH; i++) {
    pair.sender.send([chunk.bytes.subarray(i * 32, i * 32 + 16)])
  }
  t.notOk(pair.sender.isWaiting)
  pair.sender.send([chunk.bytes.subarray(40_000, 40_016)])
  t.ok(pair.sender.isWaiting)
  t.ok(pair.wantsSpace)
  chunk.home.give(chunk)
  t.equal(pair.take().length, UP_QUEUE_LENGTH * 16)
  t.not(pair.sender.chunks.take(0), chunk)
  t.ok(pair.sender.flush())
  t.notOk(pair.sender.flush())
  t.notOk(pair.wantsSpace)
  t.not(pair.sender.chunks.take(0), chunk)
  pair.take()
  t.equal(pair.sender.chunks.take(0), chunk)
})

await t.test('what is larger than the memory goes through it in pieces', async t => {
  const pair = new Pair(1)
  const large = new Counter().fill(new Uint8Array(5 * SHARED_CHUNK_BYTES + 48))
  pair.sender.send([large])
  const received = [pair.take()]
  t.equal(received[0]!.length, SHARED_CHUNK_BYTES)
  while (pair.sender.flush()) received.push(pair.take())
  t.ok(Buffer.concat(received).equals(large))
  t.notOk(pair.sender.isWaiting)
})

await t.test('a message larger than a chunk gets memory of the heap', async t => {
  const pair = new Pair(4)
  const large = pair.sender.chunks.take(CHUNK_BYTES + 16)
  t.equal(large.bytes.length, CHUNK_BYTES + 16)
  t.not(large.bytes.buffer, pair.memory.bytes.buffer)
  large.home.give(large)
  t.not(pair.sender.chunks.take(CHUNK_BYTES + 16), large)
})

await t.test('chunks of the heap are used again, unless that could be too early', async t => {
  const heap = new HeapChunks()
  const chunk: Chunk = heap.take(0)
  heap.give(chunk)
  t.equal(heap.take(16), chunk)
  chunk.endsUnanswered = true
  heap.give(chunk)
  t.not(heap.take(16), chunk)
})
