import { frameBytes, type FrameBytes } from '../abi/frame.js'

/** Memory for the small frames of one write. */
const SMALL_BYTES = 2048

/**
 * The small frames of one write, one behind the other in memory that is used again for the next: no
 * memory for each of them, and one piece to be written instead of many.
 */
export class SmallFrames {
  #memory: FrameBytes | undefined
  /** End of what there is, and of what of it was appended to the write. */
  #at = 0
  #cutAt = 0

  /** Begins with another write. @param isInUse the one before is not over yet. */
  begin(isInUse: boolean): void {
    if (isInUse) this.#memory = undefined
    this.#at = 0
    this.#cutAt = 0
  }

  get bytes(): Uint8Array {
    return this.#frames().bytes
  }

  get view(): DataView {
    return this.#frames().view
  }

  /** Makes room for so many bytes. @returns where in `bytes`; -1 when there is none left. */
  room(size: number): number {
    const at = this.#at
    if (at + size > SMALL_BYTES) return -1
    this.#at = at + size
    return at
  }

  /** Appends to a write what there is room for since the last call. */
  cut(chunks: Uint8Array[]): void {
    if (this.#at === this.#cutAt) return
    chunks.push(this.bytes.subarray(this.#cutAt, this.#at))
    this.#cutAt = this.#at
  }

  #frames(): FrameBytes {
    this.#memory ??= frameBytes(new Uint8Array(SMALL_BYTES))
    return this.#memory
  }
}
