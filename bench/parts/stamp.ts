import type { Touch } from '../protocol.js'
import type { Fail } from './part.js'

/** The first word of a payload is its sequence number. */
const STAMP_BYTES = 4
/** From here on a call of `memcmp` costs less than a loop over words. */
const LOOP_BYTES_MAX = 128

/** What a payload of this size holds behind its sequence number. */
function pattern(payloadBytes: number): Uint8Array<ArrayBuffer> {
  // Not all alike, so that nothing on the way can make them small.
  return Uint8Array.from({ length: payloadBytes }, (_, i) => (i * 167 + (i >>> 8)) & 0xff)
}

/** The payload that a source sends over and over, with a sequence number as its first word. */
export class Stamp {
  readonly #slots: Buffer[]
  #bytes: Buffer
  #next = 0

  /**
   * @param slots how many copies of the payload take turns: for clients that keep what they were
   *   handed until it has left, so many that none is stamped anew before.
   */
  constructor(payloadBytes: number, slots = 1) {
    const bytes = pattern(payloadBytes)
    this.#slots = Array.from({ length: slots }, () => Buffer.from(bytes))
    this.#bytes = this.#slots[0]!
    this.#write()
  }

  /** What is to be sent next. */
  get bytes(): Uint8Array {
    return this.#bytes
  }

  /** The sequence number that `bytes` bear: how many were sent before. */
  get seq(): number {
    return this.#next
  }

  /** Goes on to the next, once these bytes are sent. */
  advance(): void {
    this.#next++
    const slots = this.#slots
    if (slots.length > 1) this.#bytes = slots[this.#next % slots.length]!
    this.#write()
  }

  #write(): void {
    const bytes = this.#bytes
    const seq = this.#next
    bytes[0] = seq
    bytes[1] = seq >>> 8
    bytes[2] = seq >>> 16
    bytes[3] = seq >>> 24
  }
}

/**
 * Counts datagrams and fails the trial at the first that is lost, doubled, out of order, cut or, if
 * all bytes are to be touched, changed. It does the same for each system, wherever the bytes lie.
 */
export class SequenceCheck {
  readonly #payloadBytes: number
  readonly #touch: Touch
  readonly #fail: Fail
  readonly #expected: Buffer
  readonly #expectedWords: Int32Array
  /** What the last datagram lay in: those of a batch share it. */
  #bytes: Uint8Array = new Uint8Array(0)
  #view: DataView = new DataView(new ArrayBuffer(0))
  #next = 0
  #hasFailed = false

  constructor(payloadBytes: number, touch: Touch, fail: Fail) {
    this.#payloadBytes = payloadBytes
    this.#touch = touch
    this.#fail = fail
    this.#expected = Buffer.from(pattern(payloadBytes))
    this.#expectedWords = new Int32Array(pattern(payloadBytes).buffer)
  }

  /** How many have come, all in order. */
  get count(): number {
    return this.#next
  }

  /** Takes the datagram that lies from `start` to `end`. */
  take(bytes: Uint8Array, start: number, end: number): void {
    const seq =
      bytes[start]! |
      (bytes[start + 1]! << 8) |
      (bytes[start + 2]! << 16) |
      (bytes[start + 3]! << 24)
    if (seq !== (this.#next | 0) || end - start !== this.#payloadBytes) {
      this.#refuse(`number ${seq >>> 0} of ${end - start} bytes came`)
    } else if (this.#touch === 'all' && !this.#isPattern(bytes, start, end)) {
      this.#refuse('it came with other bytes')
    } else this.#next++
  }

  /** Compares all that is behind the sequence number. */
  #isPattern(bytes: Uint8Array, start: number, end: number): boolean {
    const payloadBytes = this.#payloadBytes
    if (payloadBytes > LOOP_BYTES_MAX) {
      const from = start + STAMP_BYTES
      return this.#expected.compare(bytes, from, end, STAMP_BYTES, payloadBytes) === 0
    }
    if (this.#bytes !== bytes) {
      this.#bytes = bytes
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    }
    const view = this.#view
    const words = this.#expectedWords
    let different = 0
    for (let word = 1; word < words.length; word++) {
      different |= view.getInt32(start + word * 4, true) ^ words[word]!
    }
    return different === 0
  }

  #refuse(came: string): void {
    if (this.#hasFailed) return
    this.#hasFailed = true
    this.#fail(`datagram ${this.#next} of ${this.#payloadBytes} bytes was expected, and ${came}`)
  }
}
