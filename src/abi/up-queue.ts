import { SLOT_BYTES } from './limits.js'
import {
  CHUNKS_AT,
  SHARED_CHUNK_BYTES,
  SHARED_WORD,
  UP_QUEUE_AT,
  UP_QUEUE_LENGTH,
  type SharedLayout,
  type SharedMemory,
} from './shared-memory.js'

/**
 * What the client sends, as descriptors `{ u32 offset, u32 length }` of pieces of its chunks, in
 * their order. A piece is not longer than a chunk, so that taking one is never a long turn. The
 * pieces one behind the other are a stream of frames, cut anywhere between slots.
 * Head and tail count descriptors modulo 2^32; a descriptor's place is its number modulo the
 * queue's length, and head - tail <= that length.
 */

const FIRST_WORD = UP_QUEUE_AT >>> 2
const MASK = UP_QUEUE_LENGTH - 1

/** The client's end. */
export class UpWriter {
  readonly #words: Int32Array
  #head: number

  /** @param first what both ends count from: the head and tail that the memory begins with. */
  constructor(memory: SharedMemory, first = 0) {
    this.#words = memory.words
    this.#head = first
  }

  /** Number of the next descriptor. */
  get position(): number {
    return this.#head
  }

  /** Descriptors that can be pushed now. */
  get room(): number {
    return Math.max(0, UP_QUEUE_LENGTH - this.#pending())
  }

  /**
   * Publishes a piece. Everything in it was written before, and stays as it is until the daemon
   * has taken it.
   * @param offset in the segment, a multiple of 16 in the chunks; `length` likewise, and 16 to SHARED_CHUNK_BYTES.
   * @returns false when the queue is full.
   */
  push(offset: number, length: number): boolean {
    if (this.#pending() >= UP_QUEUE_LENGTH) return false
    const words = this.#words
    const word = FIRST_WORD + (this.#head & MASK) * 2
    words[word] = offset
    words[word + 1] = length
    this.#head = (this.#head + 1) >>> 0
    Atomics.store(words, SHARED_WORD.UP_HEAD, this.#head)
    return true
  }

  /**
   * True when the daemon is done with a descriptor.
   * @param position its number, at most 2^31 descriptors ago.
   */
  isTaken(position: number): boolean {
    return ((this.#tail() - position) | 0) > 0
  }

  /** Asks the daemon to ring when it has taken descriptors, or no longer does. */
  set wantsSpace(isWanted: boolean) {
    Atomics.store(this.#words, SHARED_WORD.CLIENT_WANTS_SPACE, isWanted ? 1 : 0)
  }

  #pending(): number {
    return (this.#head - this.#tail()) >>> 0
  }

  #tail(): number {
    return Atomics.load(this.#words, SHARED_WORD.UP_TAIL)
  }
}

/** The daemon's end; nothing that it reads is trusted. */
export class UpReader {
  readonly #words: Int32Array
  readonly #end: number
  #tail: number
  #offset = 0
  #length = 0

  /** @param first see UpWriter. */
  constructor(memory: SharedMemory, layout: SharedLayout, first = 0) {
    this.#words = memory.words
    this.#tail = first
    this.#end = layout.ringsAt
  }

  /** Descriptors that wait, or -1 when the client says there are more than can be. */
  get waiting(): number {
    const head = Atomics.load(this.#words, SHARED_WORD.UP_HEAD)
    const waiting = (head - this.#tail) >>> 0
    return waiting <= UP_QUEUE_LENGTH ? waiting : -1
  }

  /** Where the piece that was read lies in the segment. */
  get offset(): number {
    return this.#offset
  }

  get length(): number {
    return this.#length
  }

  /**
   * Reads the next descriptor, of which `waiting` said that it is there.
   * @returns false when what it says is not a piece of the chunks.
   */
  read(): boolean {
    const word = FIRST_WORD + (this.#tail & MASK) * 2
    const offset = Atomics.load(this.#words, word) >>> 0
    const length = Atomics.load(this.#words, word + 1) >>> 0
    this.#offset = offset
    this.#length = length
    return (
      offset >= CHUNKS_AT &&
      length > 0 &&
      length <= SHARED_CHUNK_BYTES &&
      offset + length <= this.#end &&
      offset % SLOT_BYTES === 0 &&
      length % SLOT_BYTES === 0
    )
  }

  /** Tells the client that the piece that was read is not needed any more. */
  done(): void {
    this.#tail = (this.#tail + 1) >>> 0
    Atomics.store(this.#words, SHARED_WORD.UP_TAIL, this.#tail)
  }
  /** True while the client waits for descriptors to be taken: it is to be rung then if it sleeps. */
  get isSpaceWanted(): boolean {
    return Atomics.load(this.#words, SHARED_WORD.CLIENT_WANTS_SPACE) !== 0
  }
}
