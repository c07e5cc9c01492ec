import type { V4vError } from '../sdk/errors.js'
import type { Ring } from '../sdk/ring.js'
import { failed } from './fail.js'
import { LineSplitter } from './line-splitter.js'

/** Sends datagrams to one address, as fast as they are taken, and counts them. */
export class LineSender {
  readonly #ring: Ring
  readonly #to: string
  #willWait: boolean
  #taken = 0
  #refused = 0
  #bytes = 0
  #failure: Error | undefined
  #wake: (() => void) | undefined

  /** @param willWait where nobody listens, wait until somebody does. */
  constructor(ring: Ring, to: string, willWait: boolean) {
    this.#ring = ring
    this.#to = to
    this.#willWait = willWait
    ring.on('drain', () => this.#wake?.())
    ring.on('refused', (error: V4vError, count: number) => {
      this.#refused += count
      this.#fail(error)
    })
    ring.on('close', (error: V4vError | undefined) => {
      this.#fail(error ?? failed('the connection to the daemon is closed'))
    })
  }

  /** Datagrams that are in the receiver's ring; exact once the last call has settled. */
  get accepted(): number {
    return this.#taken - this.#refused
  }

  /** Payload bytes that were sent. */
  get bytes(): number {
    return this.#bytes
  }

  /**
   * Sends one datagram.
   * @throws V4vError when it is refused for good.
   */
  async send(payload: Uint8Array): Promise<void> {
    await this.#ring.send(this.#to, payload, { wait: this.#willWait })
    this.#count(payload)
  }

  /**
   * Sends the lines of a stream, reading no faster than they are taken.
   * @returns when all of them are accepted.
   * @throws V4vError of the first one that is refused for good; the stream's error.
   */
  async sendLines(input: AsyncIterable<Uint8Array>, keepNewline: boolean): Promise<void> {
    const splitter = new LineSplitter(keepNewline)
    for await (const chunk of input) await this.#sendAll(splitter.push(chunk))
    await this.#sendAll(splitter.end())
    await this.#ring.idle({})
    await new Promise(resolve => setImmediate(resolve)) // refusals are told a little later
    if (this.#failure !== undefined) throw this.#failure
  }

  async #sendAll(lines: Iterable<Uint8Array>): Promise<void> {
    for (const line of lines) {
      if (this.#willWait) {
        // Once one is through somebody listens, and the rest need not wait for each answer.
        await this.send(line)
        this.#willWait = false
        continue
      }
      if (this.#failure !== undefined) throw this.#failure
      while (!this.#ring.trySend(this.#to, line)) await this.#drained()
      this.#count(line)
    }
  }

  async #drained(): Promise<void> {
    await new Promise<void>(resolve => (this.#wake = resolve))
    this.#wake = undefined
    if (this.#failure !== undefined) throw this.#failure
  }

  #count(payload: Uint8Array): void {
    this.#taken++
    this.#bytes += payload.length
  }

  #fail(error: Error): void {
    this.#failure ??= error
    this.#wake?.()
  }
}
