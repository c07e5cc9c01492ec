import { DOWN_QUEUE_AT, DOWN_QUEUE_BYTES, SHARED_WORD, type SharedMemory } from './shared-memory.js'

/**
 * What the daemon sends: a stream of frames in a circle of bytes, where a frame may wrap. Head and
 * tail count bytes modulo 2^32; a byte's place is its number modulo the queue's length, and
 * head - tail <= that length.
 */

const MASK = DOWN_QUEUE_BYTES - 1

/** The daemon's end; the client's tail is not trusted. */
export class DownWriter {
  readonly #memory: SharedMemory
  #head: number

  /** @param first what both ends count from: the head and tail that the memory begins with. */
  constructor(memory: SharedMemory, first = 0) {
    this.#memory = memory
    this.#head = first
  }

  /** Bytes that can be written now, or -1 when the client says it has read what was not written. */
  get room(): number {
    const used = (this.#head - Atomics.load(this.#memory.words, SHARED_WORD.DOWN_TAIL)) >>> 0
    return used <= DOWN_QUEUE_BYTES ? DOWN_QUEUE_BYTES - used : -1
  }

  /** Publishes the bytes from `start` to `end`, for which there is room. */
  write(source: Uint8Array, start: number, end: number): void {
    const { bytes, words } = this.#memory
    const at = this.#head & MASK
    const first = Math.min(end - start, DOWN_QUEUE_BYTES - at)
    bytes.set(source.subarray(start, start + first), DOWN_QUEUE_AT + at)
    if (start + first < end) bytes.set(source.subarray(start + first, end), DOWN_QUEUE_AT)
    this.#head = (this.#head + (end - start)) >>> 0
    Atomics.store(words, SHARED_WORD.DOWN_HEAD, this.#head)
  }

  /** Asks the client to ring when it has read something, or no longer does. */
  set wantsSpace(isWanted: boolean) {
    Atomics.store(this.#memory.words, SHARED_WORD.DAEMON_WANTS_SPACE, isWanted ? 1 : 0)
  }
}

/** The client's end. */
export class DownReader {
  readonly #words: Int32Array
  #tail: number
  #start = 0
  #end = 0

  /** @param first see DownWriter. */
  constructor(memory: SharedMemory, first = 0) {
    this.#words = memory.words
    this.#tail = first
  }

  /**
   * Finds the bytes that came and lie in a row, from `start` to `end` in the segment; call it
   * again after `done` for those behind.
   * @returns how many there are, or -1 when the daemon says there are more than can be.
   */
  read(): number {
    const waiting = (Atomics.load(this.#words, SHARED_WORD.DOWN_HEAD) - this.#tail) >>> 0
    if (waiting > DOWN_QUEUE_BYTES) return -1
    const at = this.#tail & MASK
    this.#start = DOWN_QUEUE_AT + at
    this.#end = this.#start + Math.min(waiting, DOWN_QUEUE_BYTES - at)
    return this.#end - this.#start
  }

  get start(): number {
    return this.#start
  }

  get end(): number {
    return this.#end
  }

  /** Lets the daemon write over what was read. */
  done(): void {
    this.#tail = (this.#tail + (this.#end - this.#start)) >>> 0
    this.#start = this.#end
    Atomics.store(this.#words, SHARED_WORD.DOWN_TAIL, this.#tail)
  }

  /** True while the daemon waits for space: it is to be rung then if it sleeps. */
  get isSpaceWanted(): boolean {
    return Atomics.load(this.#words, SHARED_WORD.DAEMON_WANTS_SPACE) !== 0
  }
}
