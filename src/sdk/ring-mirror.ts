import { frameBytes, type FrameBytes } from '../abi/frame.js'
import { MESSAGE_HEADER_BYTES, SLOT_BYTES } from '../abi/limits.js'
import { messageSlotsBytes } from '../abi/message.js'

/**
 * The client's copy of a ring, or the ring itself where it lies in memory shared with the daemon: what arrived and is not consumed lies at the same places as in the
 * daemon's. Offsets are absolute byte counts since the ring was registered:
 * consumed <= received <= consumed + length, so nothing unread is ever written over.
 */
export class RingMirror {
  readonly length: number
  #source: FrameBytes | undefined
  #received = 0
  #consumed = 0

  /** @param memory where the daemon puts the ring's bytes itself, if it does. */
  constructor(length: number, memory?: FrameBytes) {
    this.length = length
    this.#source = memory
  }

  /** End of what has arrived. */
  get received(): number {
    return this.#received
  }

  /** End of what its owner has done with. */
  get consumed(): number {
    return this.#consumed
  }

  get source(): FrameBytes {
    this.#source ??= frameBytes(new Uint8Array(this.length))
    return this.#source
  }

  /** Takes a region of the ring, or says what is wrong with it. */
  write(offset: number, from: Uint8Array, start: number, end: number): string | undefined {
    const size = end - start
    const problem = this.grow(offset, size)
    if (problem !== undefined) return problem
    const { bytes } = this.source
    const at = offset % this.length
    const head = Math.min(size, this.length - at)
    bytes.set(from.subarray(start, start + head), at)
    if (head < size) bytes.set(from.subarray(start + head, end), 0)
    return undefined
  }

  /** The daemon has put `size` more bytes where they belong; says what is wrong with that. */
  grow(offset: number, size: number): string | undefined {
    if (offset !== this.#received) return 'RING_DATA does not go on where the last one ended'
    if (offset + size - this.#consumed > this.length) return 'RING_DATA overruns the ring'
    this.#received = offset + size
    return undefined
  }

  /**
   * Slot bytes of the whole message that starts at `offset`; 0 when it has not arrived whole, -1
   * when no ring can hold such a message.
   */
  sizeAt(offset: number): number {
    if (this.#received - offset < SLOT_BYTES) return 0
    const len = this.source.view.getUint32(offset % this.length, true)
    if (len < MESSAGE_HEADER_BYTES) return -1
    const size = messageSlotsBytes(len - MESSAGE_HEADER_BYTES)
    if (size > this.length - SLOT_BYTES || size < 0) return -1
    return size <= this.#received - offset ? size : 0
  }

  /** Everything before `offset` may be written over. */
  consume(offset: number): void {
    if (offset > this.#consumed) this.#consumed = offset
  }
}
