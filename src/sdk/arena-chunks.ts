import { SHARED_CHUNK_BYTES, type SharedMemory } from '../abi/shared-memory.js'
import type { UpWriter } from '../abi/up-queue.js'
import { CHUNK_BYTES, HeapChunks, newChunk, type Chunk, type ChunkPool } from './chunk.js'
import { assert } from '../util/assert.js'

/** What is known of one chunk besides what the packer knows. */
interface Slot {
  chunk: Chunk | undefined
  /** Pieces of it that wait for room in the queue. */
  waiting: number
  /** The descriptor of the last piece of it that was pushed, if any was. */
  position: number | undefined
}

/**
 * Chunks in memory shared with the daemon, which reads messages where they were packed. When all
 * of them are in use the heap's serve, from which the messages have to be copied once more.
 */
export class ArenaChunks implements ChunkPool {
  readonly frameBytes = SHARED_CHUNK_BYTES
  // What is written costs the daemon a turn; so much, and its copying costs more than that.
  readonly flushBytes = 512 * 1024
  readonly #memory: SharedMemory
  readonly #up: UpWriter
  readonly #start: number
  readonly #slots: Slot[]
  readonly #heap = new HeapChunks()
  /** Slots whose chunk is not in use, those that were longest ago first. */
  readonly #free: Slot[] = []

  /** @param start where the first of `chunks` chunks lies in the segment. */
  constructor(memory: SharedMemory, up: UpWriter, start: number, chunks: number) {
    this.#memory = memory
    this.#up = up
    this.#start = start
    this.#slots = Array.from({ length: chunks }, () => ({
      chunk: undefined,
      waiting: 0,
      position: undefined,
    }))
    this.#free = this.#slots.toReversed()
  }

  take(bytes: number): Chunk {
    if (bytes > CHUNK_BYTES) return this.#heap.take(bytes)
    // The one that was used last may still be in the processor's cache.
    for (let i = this.#free.length - 1; i >= 0; i--) {
      const slot = this.#free[i]!
      if (slot.waiting > 0 || !this.#isRead(slot)) continue
      this.#free.splice(i, 1)
      slot.position = undefined
      slot.chunk ??= this.#chunkOf(slot)
      return slot.chunk
    }
    return this.#heap.take(bytes)
  }

  give(chunk: Chunk): void {
    this.#free.push(this.#slotAt(chunk.bytes.byteOffset - this.#memory.bytes.byteOffset))
  }

  /** Where a piece lies in the segment, if it is of one of these chunks. */
  offsetOf(piece: Uint8Array): number | undefined {
    const { bytes } = this.#memory
    if (piece.buffer !== bytes.buffer) return undefined
    return piece.byteOffset - bytes.byteOffset
  }

  /** The piece at this offset waits for room in the queue. */
  waits(offset: number): void {
    this.#slotAt(offset).waiting++
  }

  /** The piece at this offset was pushed as this descriptor. */
  pushed(offset: number, position: number, hasWaited: boolean): void {
    const slot = this.#slotAt(offset)
    if (hasWaited) slot.waiting--
    slot.position = position
  }

  #isRead({ position }: Slot): boolean {
    return position === undefined || this.#up.isTaken(position)
  }

  #slotAt(offset: number): Slot {
    const slot = this.#slots[Math.floor((offset - this.#start) / SHARED_CHUNK_BYTES)]
    assert(slot !== undefined, 'a piece of shared memory is of one of the chunks')
    return slot
  }

  #chunkOf(slot: Slot): Chunk {
    const at = this.#start + this.#slots.indexOf(slot) * SHARED_CHUNK_BYTES
    return newChunk(this, this.#memory.bytes.subarray(at, at + SHARED_CHUNK_BYTES))
  }
}

assert(CHUNK_BYTES === SHARED_CHUNK_BYTES, 'what is packed to a chunk fits one that is shared')
