import { FRAME_HEADER_BYTES, SLOT_BYTES } from './limits.js'
import { frameBytes, frameLength, type FrameBytes } from './frame.js'

/**
 * Called for each whole frame, which lies at `at` in `source` and is gone after the call.
 * @returns nothing, or a sentence that says why the stream can't go on.
 */
export type FrameHandler = (source: FrameBytes, at: number, length: number) => string | undefined

/**
 * Asked before the reader keeps `delta` more bytes of a frame that is not whole yet, and told
 * with a negative `delta` when it lets go of them.
 * @returns false when so much may not be kept.
 */
export type PartialCharge = (delta: number) => boolean

/** A partial frame never takes less than this. */
const CARRY_BYTES_MIN = 4096

/**
 * Cuts a stream of bytes into frames. Whole frames are handed over where they lie; only the one
 * frame that a chunk cuts in two is copied together in a carry buffer. A length is checked as
 * soon as the frame's 16-byte header is there, and the carry buffer grows with the bytes that have
 * really arrived, so announcing a large frame costs the reader nothing.
 */
export class FrameReader {
  readonly #onFrame: FrameHandler
  readonly #charge: PartialCharge
  #lengthMax: number
  #carry: FrameBytes | undefined
  #carried = 0
  #problem: string | undefined
  #wrongLength: number | undefined

  /** @param lengthMax bytes of the longest frame that is let through, header included. */
  constructor(lengthMax: number, onFrame: FrameHandler, charge: PartialCharge = () => true) {
    this.#lengthMax = lengthMax
    this.#onFrame = onFrame
    this.#charge = charge
  }

  /** Changes the longest frame from the next one on. */
  set lengthMax(bytes: number) {
    this.#lengthMax = bytes
  }

  get lengthMax(): number {
    return this.#lengthMax
  }

  /** The length of the frame that ended the stream, if that was what was wrong with it. */
  get wrongLength(): number | undefined {
    return this.#wrongLength
  }

  /** Bytes of a frame that has not arrived whole. */
  get partialBytes(): number {
    return this.#carried
  }

  /**
   * Takes the bytes from `start` to `end` of a chunk, which is not used after the call.
   * @returns nothing, or what is wrong with the stream: then and ever after it must be closed.
   */
  push(chunk: FrameBytes, start: number, end: number): string | undefined {
    let at = start
    while (at < end && this.#problem === undefined) {
      if (this.#carried === 0) {
        const length = this.#wholeFrameAt(chunk, at, end)
        if (length > 0) {
          this.#handOver(chunk, at, length)
          at += length
          continue
        }
        if (this.#problem !== undefined) break
      }
      at = this.#carryOn(chunk, at, end)
    }
    return this.#problem
  }

  /** Lets go of what was kept; to be called when the stream is closed. */
  close(): void {
    this.#problem ??= 'the stream is closed'
    this.#dropCarry()
  }

  /** Length of the frame at `at` if all of it is there, else 0. */
  #wholeFrameAt(chunk: FrameBytes, at: number, end: number): number {
    if (end - at < FRAME_HEADER_BYTES) return 0
    const length = frameLength(chunk.view, at)
    this.#problem = this.#lengthProblem(length)
    return this.#problem === undefined && length <= end - at ? length : 0
  }

  #lengthProblem(length: number): string | undefined {
    if (isFrameLength(length) && length <= this.#lengthMax) return undefined
    this.#wrongLength = length
    if (!isFrameLength(length)) {
      return `a frame says it is ${length} bytes long, which is not a multiple of ${SLOT_BYTES} from ${FRAME_HEADER_BYTES} up`
    }
    return `a frame says it is ${length} bytes long, and ${this.#lengthMax} is the most here`
  }

  /** Moves bytes to the carry buffer until it holds one frame; hands that over. */
  #carryOn(chunk: FrameBytes, start: number, end: number): number {
    let at = start
    if (this.#carried < FRAME_HEADER_BYTES) {
      at = this.#copy(chunk, at, Math.min(end, at + FRAME_HEADER_BYTES - this.#carried))
      if (this.#problem !== undefined || this.#carried < FRAME_HEADER_BYTES) return at
    }
    const { view } = this.#carry!
    const length = frameLength(view, 0)
    this.#problem = this.#lengthProblem(length)
    if (this.#problem !== undefined) return at
    at = this.#copy(chunk, at, Math.min(end, at + length - this.#carried))
    if (this.#problem === undefined && this.#carried === length) {
      const carry = this.#carry!
      this.#carry = undefined
      this.#carried = 0
      try {
        this.#handOver(carry, 0, length)
      } finally {
        this.#letGo(carry)
      }
    }
    return at
  }

  /** The handler may close this reader; that it went well says nothing then. */
  #handOver(source: FrameBytes, at: number, length: number): void {
    const problem = this.#onFrame(source, at, length)
    this.#problem ??= problem
  }

  #copy(chunk: FrameBytes, start: number, end: number): number {
    const needed = this.#carried + (end - start)
    const had = this.#carry?.bytes.length ?? 0
    if (needed > had) {
      const size = carrySize(needed)
      if (!this.#charge(size - had)) {
        this.#problem = 'too many bytes of frames that are not whole'
        return end
      }
      const grown = takeCarry(size)
      if (this.#carry !== undefined) {
        grown.bytes.set(this.#carry.bytes.subarray(0, this.#carried))
        giveCarry(this.#carry)
      }
      this.#carry = grown
    }
    this.#carry!.bytes.set(chunk.bytes.subarray(start, end), this.#carried)
    this.#carried = needed
    return end
  }

  #dropCarry(): void {
    if (this.#carry === undefined) return
    this.#letGo(this.#carry)
    this.#carry = undefined
    this.#carried = 0
  }

  #letGo(carry: FrameBytes): void {
    this.#charge(-carry.bytes.length)
    giveCarry(carry)
  }
}

/** True for a length that a frame can have. */
export function isFrameLength(bytes: number): boolean {
  return bytes >= FRAME_HEADER_BYTES && bytes % SLOT_BYTES === 0
}

/** Spare carry buffers by size, so that a busy stream does not allocate one for every chunk. */
const spares = new Map<number, FrameBytes[]>()
const SPARE_BYTES_MAX = 1024 * 1024
const SPARES_PER_SIZE_MAX = 8

/** The power of two that holds so many bytes. */
function carrySize(bytes: number): number {
  return bytes <= CARRY_BYTES_MIN ? CARRY_BYTES_MIN : 2 ** (32 - Math.clz32(bytes - 1))
}

function takeCarry(size: number): FrameBytes {
  return spares.get(size)?.pop() ?? frameBytes(new Uint8Array(size))
}

function giveCarry(carry: FrameBytes): void {
  const size = carry.bytes.length
  if (size > SPARE_BYTES_MAX) return
  const list = spares.get(size) ?? []
  if (list.length < SPARES_PER_SIZE_MAX) list.push(carry)
  spares.set(size, list)
}
