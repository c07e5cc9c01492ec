import { messageTypeOf, type MessageType } from '../abi/addr.js'
import {
  MESSAGE_DOMAIN_AT,
  MESSAGE_LEN_AT,
  MESSAGE_PORT_AT,
  MESSAGE_TYPE_AT,
} from '../abi/message.js'
import { frameBytes, type FrameBytes } from '../abi/frame.js'
import { MESSAGE_HEADER_BYTES } from '../abi/limits.js'
import { assert } from '../util/assert.js'
import { V4vError } from './errors.js'
import type { RingMirror } from './ring-mirror.js'

const MESSAGES_MAX = 4096
/** Of a ring's length, so that its owner works on one part while the next is filled. */
const RING_SHARE = 4

/**
 * Datagrams in a row that lie whole in one piece of memory. A batch is one object used again and
 * again: it and all views of its bytes are valid until the next step of the iteration it came
 * from, or until its ring is closed. The datagram that goes round the end of the ring comes alone, in a copy.
 */
export class Batch {
  readonly #mirror: RingMirror
  readonly #nameOf: (domain: number) => string
  readonly #headers = new Int32Array(MESSAGES_MAX)
  #source: FrameBytes | undefined
  #length = 0
  #startOffset = 0
  #endOffset = 0

  constructor(mirror: RingMirror, nameOf: (domain: number) => string) {
    this.#mirror = mirror
    this.#nameOf = nameOf
  }

  /** How many datagrams there are; their indices are 0 to length - 1. */
  get length(): number {
    return this.#length
  }

  /** The memory that `start` and `end` count in. */
  get bytes(): Uint8Array {
    return this.#source!.bytes
  }

  /** Where datagram `i`'s payload starts in `bytes`. */
  start(i: number): number {
    return this.#header(i) + MESSAGE_HEADER_BYTES
  }

  /** Where datagram `i`'s payload ends in `bytes`. */
  end(i: number): number {
    const at = this.#header(i)
    return at + this.#source!.view.getUint32(at + MESSAGE_LEN_AT, true)
  }

  /** A view of datagram `i`'s payload; copy what is to outlive the batch. */
  data(i: number): Uint8Array {
    return this.#source!.bytes.subarray(this.start(i), this.end(i))
  }

  /** Name of the domain that sent datagram `i`, as the daemon stamped it. */
  source(i: number): string {
    return this.#nameOf(this.sourceId(i))
  }

  /** Number of the domain that sent datagram `i`. */
  sourceId(i: number): number {
    return this.#source!.view.getUint16(this.#header(i) + MESSAGE_DOMAIN_AT, true)
  }

  /** Port that datagram `i` was sent from. */
  sourcePort(i: number): number {
    return this.#source!.view.getUint32(this.#header(i) + MESSAGE_PORT_AT, true)
  }

  /** Type of datagram `i`. */
  type(i: number): MessageType {
    const type = messageTypeOf(
      this.#source!.view.getUint32(this.#header(i) + MESSAGE_TYPE_AT, true),
    )
    return type ?? 'dgram'
  }

  /** Where in the ring's life the batch ends. */
  get endOffset(): number {
    return this.#endOffset
  }

  /** Where in the ring's life datagram `i` ends. */
  offsetAfter(i: number): number {
    if (i === this.#length - 1) return this.#endOffset
    return this.#startOffset + this.#header(i + 1) - this.#header(0)
  }

  /**
   * Takes the whole messages that lie from `offset` on.
   * @returns true when there is at least one.
   * @throws V4vError EPROTO when the daemon left something there that is no message.
   */
  cut(offset: number): boolean {
    const mirror = this.#mirror
    const { length } = mirror
    const first = offset % length
    let at = first
    this.#startOffset = offset
    let count = 0
    while (count < MESSAGES_MAX && at - first < length / RING_SHARE) {
      const size = mirror.sizeAt(offset + (at - first))
      if (size < 0) throw new V4vError('EPROTO', 'the ring holds a message it has no room for')
      if (size === 0) break
      if (at + size > length) {
        if (count === 0) this.#cutWrapped(at, size, offset)
        else break
        return true
      }
      this.#headers[count++] = at
      at += size
      if (at === length) break
    }
    this.#source = count === 0 ? undefined : mirror.source
    this.#length = count
    this.#endOffset = offset + (at - first)
    return count > 0
  }

  #cutWrapped(at: number, size: number, offset: number): void {
    const { bytes } = this.#mirror.source
    const whole = frameBytes(new Uint8Array(size))
    const head = this.#mirror.length - at
    whole.bytes.set(bytes.subarray(at))
    whole.bytes.set(bytes.subarray(0, size - head), head)
    this.#source = whole
    this.#headers[0] = 0
    this.#length = 1
    this.#endOffset = offset + size
  }

  #header(i: number): number {
    assert(i >= 0 && i < this.#length, 'an index of a batch is from 0 to its length - 1')
    return this.#headers[i]!
  }
}
