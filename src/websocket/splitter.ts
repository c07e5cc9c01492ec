import type { FrameBytes } from '../abi/frame.js'
import {
  CONTROL_OPCODE_MIN,
  FIN,
  HEADER_BYTES_MAX,
  headerBytes,
  MASKED,
  OPCODE,
  payloadLength,
  WHOLE_BINARY,
} from './frame-header.js'
import { mask, rotateKey } from './mask.js'

/** Who gets what a Splitter finds, in the order in which it came. */
export interface SplitterSink {
  /**
   * Bytes `start` to `end` of a message, unmasked where they lie; they are not used after the call.
   * @param isEnd the message ends with them.
   */
  payload(source: FrameBytes, start: number, end: number, isEnd: boolean): void
  /** Bytes of any other frame as they came, in a copy. */
  other(bytes: Buffer): void
}

/**
 * Finds in a WebSocket's bytes the frames that are whole binary messages, and hands on what is in
 * them piece by piece as it arrives, so that no message is ever put together. All other frames,
 * fragments, text, pings, and whatever is not allowed, are left to the library, as they came.
 */
export class Splitter {
  /** Frames from a client are masked, those from a server are not. */
  readonly #maskBit: number
  readonly #lengthMax: number
  readonly #sink: SplitterSink
  readonly #header = new Uint8Array(HEADER_BYTES_MAX)
  readonly #view = new DataView(this.#header.buffer)
  #headerBytes = 0
  /** How many of them the library was given already. */
  #givenBytes = 0
  /** Bytes of the frame's payload that are to come; none while its header is read. */
  #left = 0
  #isOurs = false
  #key: Uint8Array | undefined
  /** A message in fragments is under way: nothing can be a whole one before its end. */
  #isFragmented = false

  /** @param lengthMax of a message that is handed on; the library refuses a longer one. */
  constructor(isMasked: boolean, lengthMax: number, sink: SplitterSink) {
    this.#maskBit = isMasked ? MASKED : 0
    this.#lengthMax = lengthMax
    this.#sink = sink
  }

  /** Takes the bytes from `start` to `end`, which may be changed and are not used after the call. */
  take(source: FrameBytes, start: number, end: number): void {
    let at = start
    while (at < end) {
      if (this.#left === 0) {
        at = this.#takeHeader(source.bytes, at, end)
      } else {
        const pieceEnd = Math.min(end, at + this.#left)
        this.#takePayload(source, at, pieceEnd)
        at = pieceEnd
      }
    }
  }

  #takeHeader(bytes: Uint8Array, start: number, end: number): number {
    const header = this.#header
    let at = start
    let isWhole = false
    while (at < end && !isWhole) {
      header[this.#headerBytes++] = bytes[at++]!
      isWhole = this.#headerBytes >= 2 && this.#headerBytes === headerBytes(header[1]!)
    }
    if (isWhole) this.#left = payloadLength(this.#view)
    if (this.#headerBytes >= 2) {
      this.#isOurs = this.#canBeOurs(isWhole)
      if (!this.#isOurs) this.#leaveHeader()
    }
    if (isWhole) {
      const masked = this.#isOurs && this.#maskBit !== 0
      this.#key = masked ? header.slice(this.#headerBytes - 4, this.#headerBytes) : undefined
      this.#headerBytes = 0
      this.#givenBytes = 0
    }
    return at
  }

  /** Judges by the first two bytes of the header, or by all of it. */
  #canBeOurs(isWhole: boolean): boolean {
    const header = this.#header
    return (
      this.#givenBytes === 0 &&
      header[0] === WHOLE_BINARY &&
      (header[1]! & MASKED) === this.#maskBit &&
      !this.#isFragmented &&
      (!isWhole || (this.#left > 0 && this.#left <= this.#lengthMax))
    )
  }

  /** Leaves to the library what it was not given of the header: it may refuse it as it is. */
  #leaveHeader(): void {
    const first = this.#header[0]!
    if (this.#givenBytes === 0 && (first & OPCODE) < CONTROL_OPCODE_MIN) {
      this.#isFragmented = (first & FIN) === 0
    }
    this.#sink.other(Buffer.from(this.#header.subarray(this.#givenBytes, this.#headerBytes)))
    this.#givenBytes = this.#headerBytes
  }

  #takePayload(source: FrameBytes, start: number, end: number): void {
    const { bytes } = source
    this.#left -= end - start
    if (!this.#isOurs) {
      this.#sink.other(Buffer.from(bytes.subarray(start, end)))
      return
    }
    if (this.#key !== undefined) {
      mask(bytes, start, end, bytes, start, this.#key)
      this.#key = rotateKey(this.#key, end - start)
    }
    this.#sink.payload(source, start, end, this.#left === 0)
  }
}
