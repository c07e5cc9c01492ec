import type { MessageType } from '../abi/addr.js'
import type { Ring, SendOptions } from './ring.js'

/** A datagram that arrived. */
export class Datagram {
  /** Who sent it, as the daemon stamped it; nothing in the bytes can change that. */
  readonly source: { readonly domain: string; readonly port: number }
  /** Number of the domain that sent it. */
  readonly sourceId: number
  readonly type: MessageType
  /** A copy that is the receiver's own. */
  readonly data: Uint8Array
  readonly #ring: Ring

  constructor(
    ring: Ring,
    source: { readonly domain: string; readonly port: number },
    sourceId: number,
    type: MessageType,
    data: Uint8Array,
  ) {
    this.#ring = ring
    this.source = source
    this.sourceId = sourceId
    this.type = type
    this.data = data
  }

  /** Sends bytes back to where it came from, from the port it came to; see Ring.send. */
  reply(bytes: Uint8Array, options?: SendOptions): Promise<void> {
    return this.#ring.send(this.source, bytes, options)
  }
}
