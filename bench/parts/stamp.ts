import type { Fail } from './part.js'

/** The payload that a source sends over and over, with a sequence number as its first word. */
export class Stamp {
  readonly bytes: Uint8Array
  #next = 0

  constructor(payloadBytes: number) {
    // Not all alike, so that nothing on the way can make them small.
    this.bytes = Uint8Array.from({ length: payloadBytes }, (_, i) => (i * 167 + (i >>> 8)) & 0xff)
    this.#write()
  }

  /** The sequence number that `bytes` bear: how many were sent before. */
  get seq(): number {
    return this.#next
  }

  /** Goes on to the next, once these bytes are sent. */
  advance(): void {
    this.#next++
    this.#write()
  }

  #write(): void {
    const { bytes } = this
    const seq = this.#next
    bytes[0] = seq
    bytes[1] = seq >>> 8
    bytes[2] = seq >>> 16
    bytes[3] = seq >>> 24
  }
}

/** Counts datagrams and fails the trial at the first that is lost, doubled, out of order or cut. */
export class SequenceCheck {
  readonly #payloadBytes: number
  readonly #fail: Fail
  #next = 0
  #hasFailed = false

  constructor(payloadBytes: number, fail: Fail) {
    this.#payloadBytes = payloadBytes
    this.#fail = fail
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
    if (seq === (this.#next | 0) && end - start === this.#payloadBytes) this.#next++
    else this.#refuse(seq >>> 0, end - start)
  }

  #refuse(seq: number, bytes: number): void {
    if (this.#hasFailed) return
    this.#hasFailed = true
    this.#fail(
      `datagram ${this.#next} of ${this.#payloadBytes} bytes was expected, ` +
        `and number ${seq} of ${bytes} bytes came`,
    )
  }
}
