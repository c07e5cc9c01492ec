import type { SharedMemory } from '../abi/shared-memory.js'
import type { UpWriter } from '../abi/up-queue.js'
import { Fifo } from './fifo.js'

/** One descriptor's piece holds so much at most, so that the daemon reads while more is copied. */
const PIECE_BYTES_MAX = 256 * 1024

/** A piece that was pushed. */
interface Piece {
  readonly position: number
  /** Where the memory of the pieces up to this one ends. */
  readonly end: number
}

/**
 * A part of the shared memory that serves as a circle: what lies elsewhere is copied into it in
 * pieces, each of which is free again once the daemon has taken it.
 */
export class BounceRing {
  readonly #memory: SharedMemory
  readonly #up: UpWriter
  readonly #start: number
  readonly #bytes: number
  readonly #pieces = new Fifo<Piece>()
  /** Bytes written, and bytes free again, since the beginning: freed <= written <= freed + bytes. */
  #written = 0
  #freed = 0

  /** @param start where in the segment the circle's `bytes` begin: both multiples of 16. */
  constructor(memory: SharedMemory, up: UpWriter, start: number, bytes: number) {
    this.#memory = memory
    this.#up = up
    this.#start = start
    this.#bytes = bytes
  }

  /**
   * Copies as much of a piece as there is room for and pushes it.
   * @param from bytes of it that were pushed before.
   * @returns how many bytes more have been; 0 when there is no room.
   */
  push(piece: Uint8Array, from: number): number {
    if (this.#up.room === 0) return 0
    this.#free()
    const at = this.#written % this.#bytes
    const size = Math.min(
      piece.length - from,
      this.#freed + this.#bytes - this.#written,
      this.#bytes - at,
      PIECE_BYTES_MAX,
    )
    if (size === 0) return 0
    this.#memory.bytes.set(piece.subarray(from, from + size), this.#start + at)
    const { position } = this.#up
    this.#up.push(this.#start + at, size)
    this.#written += size
    this.#pieces.push({ position, end: this.#written })
    return size
  }

  #free(): void {
    for (let piece = this.#pieces.peek(); piece !== undefined; piece = this.#pieces.peek()) {
      if (!this.#up.isTaken(piece.position)) return
      this.#freed = piece.end
      this.#pieces.shift()
    }
  }
}
