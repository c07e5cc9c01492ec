import { MESSAGE_BYTES_MAX } from '../abi/limits.js'
import { failed } from './fail.js'

const NEWLINE = 0x0a

/** Cuts a stream of bytes into lines, keeping no more than the one line that is not whole yet. */
export class LineSplitter {
  readonly #keepNewline: boolean
  #parts: Uint8Array[] = []
  #partBytes = 0
  #lines = 0

  /** @param keepNewline lines are handed over with the newline that ends them. */
  constructor(keepNewline = false) {
    this.#keepNewline = keepNewline
  }

  /** Lines handed over so far. */
  get lines(): number {
    return this.#lines
  }

  /** The lines that end in this chunk; they share its memory. */
  *push(chunk: Uint8Array): Generator<Uint8Array, void> {
    let at = 0
    for (;;) {
      const newline = chunk.indexOf(NEWLINE, at)
      if (newline < 0) break
      yield this.#line(chunk.subarray(at, newline + (this.#keepNewline ? 1 : 0)))
      at = newline + 1
    }
    if (at < chunk.length) this.#keep(chunk.subarray(at))
  }

  /** The last line, if it does not end with a newline. */
  *end(): Generator<Uint8Array, void> {
    if (this.#partBytes > 0) yield this.#line(new Uint8Array(0))
  }

  #line(rest: Uint8Array): Uint8Array {
    this.#lines++
    if (this.#partBytes === 0) return rest
    const line = Buffer.concat([...this.#parts, rest])
    this.#parts = []
    this.#partBytes = 0
    return line
  }

  #keep(part: Uint8Array): void {
    this.#parts.push(part)
    this.#partBytes += part.length
    if (this.#partBytes > MESSAGE_BYTES_MAX) {
      throw failed(
        `line ${this.#lines + 1} is longer than ${MESSAGE_BYTES_MAX} bytes, the most a datagram can be`,
        'send without --lines, in pieces of your own',
      )
    }
  }
}
