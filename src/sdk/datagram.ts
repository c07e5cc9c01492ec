import type { MessageType } from '../abi/addr.js'
import type { Ring, SendOptions } from './ring.js'

/** A datagram that arrived. */
export class Datagram {
  /** Number of the domain that sent it. */
  readonly sourceId: number
  readonly type: MessageType
  /**
   * A copy that is the receiver's own. As with Node's Buffer, small ones may share the memory
   * behind them: whoever keeps one of them for long keeps up to 64 KiB.
   */
  readonly data: Uint8Array
  readonly #ring: Ring
  readonly #domain: string
  readonly #port: number
  #source: { readonly domain: string; readonly port: number } | undefined

  constructor(
    ring: Ring,
    domain: string,
    sourceId: number,
    port: number,
    type: MessageType,
    data: Uint8Array,
  ) {
    this.#ring = ring
    this.#domain = domain
    this.sourceId = sourceId
    this.#port = port
    this.type = type
    this.data = data
  }

  /** Who sent it, as the daemon stamped it; nothing in the bytes can change that. */
  get source(): { readonly domain: string; readonly port: number } {
    this.#source ??= { domain: this.#domain, port: this.#port }
    return this.#source
  }

  /** Sends bytes back to where it came from, from the port it came to; see Ring.send. */
  reply(bytes: Uint8Array, options?: SendOptions): Promise<void> {
    return this.#ring.send(this.source, bytes, options)
  }
}
