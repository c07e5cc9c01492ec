import { frameBytes, type FrameBytes } from '../abi/frame.js'
import { messageSlotsBytes } from '../abi/message.js'
import { MESSAGE_HEADER_BYTES } from '../abi/limits.js'
import type { Chunk } from './chunk.js'
import type { PendingSend } from './pending-send.js'
import type { Ring } from './ring.js'

/** Slot bytes of the message whose header lies at `at`. */
export function messageSizeAt(view: DataView, at: number): number {
  return messageSlotsBytes(view.getUint32(at, true) - MESSAGE_HEADER_BYTES)
}

/** What is held stays in its chunk where it is no less than this: the chunk is kept for it. */
export const KEPT_BYTES_MIN = 32 * 1024

/**
 * Messages of one ring in a row that were refused for want of space, to be sent again: in the
 * chunk they were sent from, or a copy of their slots.
 */
export class HeldRun {
  readonly ring: Ring
  readonly type: number
  readonly source: FrameBytes
  /** Who waits for each message; a hole where nobody does. */
  sends: (PendingSend | undefined)[] | undefined
  /** Messages that are left, from `at` to `end`; `index` is the first one's place in `sends`. */
  count: number
  at: number
  end: number
  index = 0
  /** Where the messages were sent from and still are; it is used for nothing else meanwhile. */
  readonly chunk: Chunk | undefined
  /** Nobody needs what lies in front of the messages, so that a header can be written there. */
  isHeadFree = true

  /**
   * @param chunk where the slots lie from `at` to `end`.
   * @param isKept they can stay there, as the chunk is kept; else they are copied.
   */
  constructor(
    ring: Ring,
    type: number,
    chunk: Chunk,
    at: number,
    end: number,
    count: number,
    sends: (PendingSend | undefined)[] | undefined,
    isKept: boolean,
  ) {
    this.ring = ring
    this.type = type
    this.chunk = isKept ? chunk : undefined
    this.source = isKept ? chunk : frameBytes(chunk.bytes.slice(at, end))
    this.at = isKept ? at : 0
    this.end = isKept ? end : end - at
    this.count = count
    this.sends = sends
  }

  /** Who waits for the first message that is left. */
  get send(): PendingSend | undefined {
    return this.sends?.[this.index]
  }

  /** Slot bytes of the first message that is left. */
  get size(): number {
    return messageSizeAt(this.source.view, this.at)
  }

  /** Goes on to the next message; this one was copied, or is not sent again. */
  advance(): void {
    this.at += this.size
    this.index++
    this.count--
    this.isHeadFree = true
  }

  /** Goes on behind messages that are on the way from where they lie. */
  sent(count: number, end: number): void {
    this.at = end
    this.index += count
    this.count -= count
    this.isHeadFree = false
  }

  /** Takes in a run that lies right behind this one. @returns false when it does not. */
  join(next: HeldRun): boolean {
    if (this.chunk === undefined || next.chunk !== this.chunk || next.at !== this.end) return false
    if (this.sends !== undefined || next.sends !== undefined) {
      const mine =
        this.sends?.slice(this.index) ?? Array.from({ length: this.count }, () => undefined)
      const theirs = next.sends?.slice(next.index)
      this.sends = [...mine, ...(theirs ?? Array.from({ length: next.count }, () => undefined))]
      this.index = 0
    }
    this.count += next.count
    this.end = next.end
    return true
  }
}
