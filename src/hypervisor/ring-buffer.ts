import { assert } from '../util/assert.js'
import type { Addr } from '../abi/addr.js'
import type { FrameBytes } from '../abi/frame.js'
import {
  MESSAGE_HEADER_BYTES,
  RING_BYTES_MAX,
  RING_BYTES_MIN,
  SLOT_BYTES,
  roundUpToSlot,
} from '../abi/limits.js'
import { messageSlotsBytes } from '../abi/message.js'
import type { RingPlace } from './ring-memory.js'

/** A `len` beyond this is no message's: rounding it up stays within 31 bits. */
const LEN_MAX = RING_BYTES_MAX * 2

/**
 * The bytes of a ring and its two pointers, byte for byte as in Argo (xen/common/argo.c).
 *
 *      0        rxPtr              txPtr        length
 *      | free   | messages, read   | free       |
 *      +--------+------------------+------------+
 *               ^ next to consume  ^ next to write; wraps to 0 at length
 *
 * Invariants:
 * - Both pointers are multiples of a slot and less than `length`, which is whole slots. So a
 *   message header (one slot) never wraps; a payload wraps at most once.
 * - rxPtr === txPtr means empty, never full: `insert` leaves at least one slot free.
 * - rxOffset <= txOffset are the same pointers as absolute byte counts since the ring was made,
 *   txOffset - rxOffset < length, and offset % length === pointer.
 *
 * tx belongs to the hypervisor alone. What an owner says of rx passes `consumeTo`, which checks
 * it against the private copies here; no value of the owner's is used for anything else.
 * Memory is taken when the first message arrives, unless the ring has a place that its owner sees.
 * Since the owner may change what lies there, nothing but `peek`, which is for owners in the same
 * process, ever reads a ring's memory to learn something from it.
 */
export class RingBuffer {
  readonly length: number
  readonly #place: RingPlace | undefined
  #bytes: Uint8Array | undefined
  #words: Int32Array | undefined
  #rxPtr = 0
  #txPtr = 0
  #rxOffset = 0
  #txOffset = 0

  /**
   * @param length bytes, 48..16 MiB - 64, a multiple of 16: see `ringLengthProblem`.
   * @param place where it lies; undefined: in memory of its own.
   */
  constructor(length: number, place?: RingPlace) {
    assert(ringLengthProblem(length) === undefined, 'the length of a ring was checked')
    assert(place === undefined || place.bytes.length === length, 'a place is as long as its ring')
    this.length = length
    this.#place = place
  }

  /** Where in memory that its owner sees it lies; undefined: the owner is sent the bytes. */
  get placeOffset(): number | undefined {
    return this.#place?.offset
  }

  get rxPtr(): number {
    return this.#rxPtr
  }

  get txPtr(): number {
    return this.#txPtr
  }

  /** Bytes consumed since the ring was made. */
  get rxOffset(): number {
    return this.#rxOffset
  }

  /** Bytes written since the ring was made. */
  get txOffset(): number {
    return this.#txOffset
  }

  /** Bytes of messages, headers and padding included, that are not consumed. */
  get usedBytes(): number {
    return this.#txOffset - this.#rxOffset
  }

  /** Bytes a message's header and padded payload may take: free less the slot that stays free. */
  get roomBytes(): number {
    return this.length - this.usedBytes - SLOT_BYTES
  }

  /** Payload bytes of the largest message that fits now; 0 also where not even an empty one does. */
  get payloadSpace(): number {
    return Math.max(0, this.roomBytes - MESSAGE_HEADER_BYTES)
  }

  /** Payload bytes of the largest message that ever fits. */
  get maxMessageBytes(): number {
    return this.length - MESSAGE_HEADER_BYTES - SLOT_BYTES
  }

  /** True for a message of which one could be in the ring when it is empty. */
  canEverFit(payloadBytes: number): boolean {
    // Not by rounding the payload up: that is done in 31 bits, and an owner may ask about 2^32.
    return payloadBytes <= this.maxMessageBytes
  }

  /**
   * Writes one message whose payload lies in several buffers; nothing is published before all
   * of it is written.
   * @param payloadBytes the sum of the buffers' lengths, for which there must be room.
   */
  insert(iovs: readonly Uint8Array[], payloadBytes: number, source: Addr, type: number): void {
    const size = messageSlotsBytes(payloadBytes)
    assert(size <= this.roomBytes, 'insert is called when there is room')
    const bytes = this.#memory()
    this.#stampHeader(this.#txPtr, payloadBytes + MESSAGE_HEADER_BYTES, source, type)
    let at = this.#wrap(this.#txPtr + MESSAGE_HEADER_BYTES)
    for (const iov of iovs) {
      copyWrapped(bytes, at, iov, 0, iov.length)
      at = this.#wrap(at + iov.length)
    }
    // What lies there may be of a run that was not accepted; padding never reaches over a slot.
    bytes.fill(0, at, roundUpToSlot(at))
    this.#publish(size)
  }

  /**
   * Writes as many messages of a run as fit: header and padded payload one behind the other, as
   * they lie in a SEND frame. The run is copied to the free part of the ring in one piece, and the
   * true header is stamped over each message there: length, source and type. Bytes beyond the
   * accepted messages are in the free part and are never published.
   *
   * The sender may change the run at any time, and the ring's owner the copy. So each length is
   * read once, from the run, and what was checked is what is stamped; the copy is never read.
   *
   * Why no write can leave the free part: at most `roomBytes` are copied from txPtr on, and
   * roomBytes = length - used - 16 < length - used, the free bytes.
   *
   * @param start where the run starts; up to `end` it is one slot or more, and whole slots.
   * @param messages how many messages the sender says the run has; if it has others, or another
   *   number of them as far as can be seen, nothing at all is published.
   * @param firstLen length of the first message as its header says, which the caller has read.
   * @param roomMax slot bytes the sender may add, at most; counted besides the ring's own room.
   * @param result overwritten with what was done.
   * @param payloadBytesMax a message with more of them can't be: its sender was held to that before.
   */
  insertRun(
    run: FrameBytes,
    start: number,
    end: number,
    messages: number,
    firstLen: number,
    source: Addr,
    type: number,
    roomMax: number,
    result: RunCopy,
    payloadBytesMax = LEN_MAX - MESSAGE_HEADER_BYTES,
  ): void {
    result.count = 0
    result.slotBytes = 0
    result.payloadBytes = 0
    result.nextSize = 0
    result.nextBytes = 0
    result.malformed = false
    const total = end - start
    assert(total > 0 && total % SLOT_BYTES === 0, 'a run is whole slots')
    const room = Math.min(total, this.roomBytes, roomMax) & ~(SLOT_BYTES - 1)
    let len = firstLen
    let size = sizeOfMessage(len)
    const lenMax = payloadBytesMax + MESSAGE_HEADER_BYTES
    if (messages === 0 || size === 0 || size > total || len > lenMax) {
      result.malformed = true
      return
    }
    if (size <= room) copyWrapped(this.#memory(), this.#txPtr, run.bytes, start, start + room)

    const words = this.#words!
    const domainWord = source.domain
    const portWord = source.port | 0
    const typeWord = type | 0
    const { view } = run
    let offset = 0
    let payloadBytes = 0
    let count = 0
    while (offset + size <= room) {
      const word = this.#wrap(this.#txPtr + offset) >>> 2
      words[word] = len
      words[word + 1] = portWord
      words[word + 2] = domainWord
      words[word + 3] = typeWord
      payloadBytes += len - MESSAGE_HEADER_BYTES
      offset += size
      count++
      if (offset === total) break
      len = view.getUint32(start + offset, true)
      size = sizeOfMessage(len)
      if (size === 0 || size > total - offset || len > lenMax) {
        result.malformed = true
        return
      }
    }
    const isWhole = offset === total
    if (isWhole ? count !== messages : count >= messages) {
      result.malformed = true
      return
    }
    if (!isWhole) {
      result.nextSize = size
      result.nextBytes = len - MESSAGE_HEADER_BYTES
    }
    result.count = count
    result.slotBytes = offset
    result.payloadBytes = payloadBytes
    this.#publish(offset)
  }

  /**
   * Frees everything before an absolute offset, as its owner says.
   * @param offset checked: it must be whole slots, and not beyond `limit`.
   * @param limit up to where the owner has been given the ring's bytes.
   * @returns bytes freed, 0 when it was said before, -1 when the offset can't be.
   */
  consumeTo(offset: number, limit: number): number {
    if (offset <= this.#rxOffset) return 0
    if (offset > limit || offset % SLOT_BYTES !== 0) return -1
    assert(limit <= this.#txOffset, 'an owner is not given more than there is')
    const freed = offset - this.#rxOffset
    this.#rxOffset = offset
    this.#rxPtr = this.#wrap(this.#rxPtr + freed)
    return freed
  }

  /** Frees everything up to where an Argo owner says its rx_ptr is, after sanitizing that. */
  consumeToPointer(rxPtr: number): number {
    const sane = sanitizeRxPtr(rxPtr, this.length)
    const freed = (sane - this.#rxPtr + this.length) % this.length
    return this.consumeTo(this.#rxOffset + Math.min(freed, this.usedBytes), this.#txOffset)
  }

  /**
   * Throws away what is unread, as Argo does when an owner registers the ring again.
   * @returns bytes freed.
   */
  flush(): number {
    return this.consumeTo(this.#txOffset, this.#txOffset)
  }

  /**
   * The bytes from an absolute offset on, up to the end of the ring's memory, the last message,
   * or `bytesMax`. They stay as they are until they are consumed.
   */
  region(offset: number, bytesMax: number): Uint8Array {
    assert(offset >= this.#rxOffset && offset <= this.#txOffset, 'a region lies in what is unread')
    const at = this.#wrap(this.#rxPtr + (offset - this.#rxOffset))
    const bytes = Math.min(this.#txOffset - offset, this.length - at, bytesMax)
    return bytes === 0 ? new Uint8Array(0) : this.#memory().subarray(at, at + bytes)
  }

  /** Gives the place that its owner sees back; to be called when it takes no messages any more. */
  release(): void {
    this.#place?.release()
  }

  /** Copies one unread message out: for owners in the same process. Undefined when empty. */
  peek(): { source: Addr; type: number; data: Uint8Array } | undefined {
    if (this.#rxOffset === this.#txOffset) return undefined
    const bytes = this.#memory()
    const words = this.#words!
    const word = this.#rxPtr >>> 2
    const data = new Uint8Array((words[word]! >>> 0) - MESSAGE_HEADER_BYTES)
    const at = this.#wrap(this.#rxPtr + MESSAGE_HEADER_BYTES)
    const first = Math.min(data.length, this.length - at)
    data.set(bytes.subarray(at, at + first))
    data.set(bytes.subarray(0, data.length - first), first)
    const source = {
      port: words[word + 1]! >>> 0,
      domain: words[word + 2]! & 0xffff,
    } as Addr
    return { source, type: words[word + 3]! >>> 0, data }
  }

  #memory(): Uint8Array {
    if (this.#bytes === undefined) {
      const bytes = this.#place?.bytes ?? new Uint8Array(this.length)
      this.#bytes = bytes
      this.#words = new Int32Array(bytes.buffer, bytes.byteOffset, this.length >>> 2)
    }
    return this.#bytes
  }

  #stampHeader(at: number, len: number, source: Addr, type: number): void {
    const words = this.#words!
    const word = at >>> 2
    words[word] = len
    words[word + 1] = source.port | 0
    words[word + 2] = source.domain
    words[word + 3] = type | 0
  }

  #publish(slotBytes: number): void {
    this.#txOffset += slotBytes
    this.#txPtr = this.#wrap(this.#txPtr + slotBytes)
    assert(this.usedBytes < this.length, 'one slot stays free')
  }

  /** `at` is less than twice the length wherever this is called. */
  #wrap(at: number): number {
    return at >= this.length ? at - this.length : at
  }
}

/** What `insertRun` did; one object serves many calls. */
export interface RunCopy {
  /** Messages accepted: a prefix of the run. */
  count: number
  slotBytes: number
  payloadBytes: number
  /** Slot bytes of the first message that was not accepted, 0 when all were. */
  nextSize: number
  /** Payload bytes of that message. */
  nextBytes: number
  /** A length or the number of messages was wrong; then nothing at all was accepted. */
  malformed: boolean
}

/** A RunCopy to hand to `insertRun`. */
export function runCopy(): RunCopy {
  return { count: 0, slotBytes: 0, payloadBytes: 0, nextSize: 0, nextBytes: 0, malformed: false }
}

/** Says what is wrong with a length for a ring, or undefined when nothing is. */
export function ringLengthProblem(length: number): string | undefined {
  if (
    Number.isInteger(length) &&
    length >= RING_BYTES_MIN &&
    length <= RING_BYTES_MAX &&
    length % SLOT_BYTES === 0
  ) {
    return undefined
  }
  return `a ring is ${RING_BYTES_MIN} to ${RING_BYTES_MAX} bytes long and a multiple of ${SLOT_BYTES}, not ${length}`
}

/** What Argo makes of a read pointer it was given (get_sanitized_ring): round up, or start over. */
export function sanitizeRxPtr(rxPtr: number, length: number): number {
  const rounded = roundUpToSlot(rxPtr)
  return rounded >= 0 && rounded < length ? rounded : 0
}

/**
 * Slot bytes of a message by the `len` of its header; 0 for a length that no message has, which
 * is under 16 or so large that rounding it up would leave 31 bits.
 */
export function sizeOfMessage(len: number): number {
  if (len < MESSAGE_HEADER_BYTES || len > LEN_MAX) return 0
  return roundUpToSlot(len)
}

/** Copies into a ring at `at`, in two pieces where it reaches the ring's end. */
function copyWrapped(
  ring: Uint8Array,
  at: number,
  source: Uint8Array,
  start: number,
  end: number,
): void {
  const first = Math.min(end - start, ring.length - at)
  ring.set(source.subarray(start, start + first), at)
  if (start + first < end) ring.set(source.subarray(start + first, end), 0)
}
