import {
  CHUNKS_AT,
  SHARED_CHUNK_BYTES,
  type SharedLayout,
  type SharedMemory,
} from '../abi/shared-memory.js'
import { UpWriter } from '../abi/up-queue.js'
import { ArenaChunks } from './arena-chunks.js'
import { BounceRing } from './bounce-ring.js'
import { Fifo } from './fifo.js'

/** Of the chunks, so many serve for what was not packed in one: 1 of 6, but at least 1. */
const BOUNCE_SHARE = 6

/** Gives pieces of frames to the daemon in their order: where they lie, or by way of a copy. */
export class UpSender {
  readonly chunks: ArenaChunks
  readonly #up: UpWriter
  readonly #bounce: BounceRing
  readonly #waiting = new Fifo<Uint8Array>()
  /** Bytes of the first piece that waits that were copied. */
  #copied = 0
  #isSpaceWanted = false

  constructor(memory: SharedMemory, layout: SharedLayout) {
    const bouncing = Math.max(1, Math.floor(layout.chunks / BOUNCE_SHARE))
    const bounceBytes = bouncing * SHARED_CHUNK_BYTES
    const packing = layout.chunks - bouncing
    this.#up = new UpWriter(memory)
    this.#bounce = new BounceRing(memory, this.#up, CHUNKS_AT, bounceBytes)
    this.chunks = new ArenaChunks(memory, this.#up, CHUNKS_AT + bounceBytes, packing)
  }

  /** Something waits for the daemon to take what came before. */
  get isWaiting(): boolean {
    return this.#waiting.length > 0
  }

  /** Pushes pieces, or keeps them, behind those that wait. */
  send(pieces: readonly Uint8Array[]): void {
    for (const piece of pieces) {
      if (this.#waiting.length === 0 && this.#push(piece, false)) continue
      const offset = this.chunks.offsetOf(piece)
      if (offset !== undefined) this.chunks.waits(offset)
      this.#waiting.push(piece)
    }
    this.#want()
  }

  /**
   * Pushes of what waits as much as there is room for.
   * @returns true when that was something.
   */
  flush(): boolean {
    const { position } = this.#up
    let piece = this.#waiting.peek()
    while (piece !== undefined && this.#push(piece, true)) {
      this.#waiting.shift()
      piece = this.#waiting.peek()
    }
    this.#want()
    return this.#up.position !== position
  }

  /** Asks the daemon to ring when it has taken something, for as long as something waits. */
  #want(): void {
    if (this.#isSpaceWanted === this.isWaiting) return
    this.#isSpaceWanted = this.isWaiting
    this.#up.wantsSpace = this.isWaiting
  }

  /** @returns false when there is no room for all of the piece. */
  #push(piece: Uint8Array, hasWaited: boolean): boolean {
    const offset = this.chunks.offsetOf(piece)
    if (offset !== undefined) {
      const { position } = this.#up
      if (!this.#up.push(offset, piece.length)) return false
      this.chunks.pushed(offset, position, hasWaited)
      return true
    }
    while (this.#copied < piece.length) {
      const size = this.#bounce.push(piece, this.#copied)
      if (size === 0) return false
      this.#copied += size
    }
    this.#copied = 0
    return true
  }
}
