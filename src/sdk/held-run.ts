import { frameBytes, type FrameBytes } from '../abi/frame.js'
import { messageSlotsBytes } from '../abi/message.js'
import { MESSAGE_HEADER_BYTES } from '../abi/limits.js'
import type { PendingSend } from './pending-send.js'
import type { Ring } from './ring.js'

/** Slot bytes of the message whose header lies at `at`. */
export function messageSizeAt(view: DataView, at: number): number {
  return messageSlotsBytes(view.getUint32(at, true) - MESSAGE_HEADER_BYTES)
}

/** Messages of one ring in a row that were refused for want of space: a copy of their slots. */
export class HeldRun {
  readonly ring: Ring
  readonly type: number
  readonly source: FrameBytes
  /** Who waits for each message; a hole where nobody does. */
  readonly sends: (PendingSend | undefined)[] | undefined
  /** Messages that are left, from `at` on; `index` is the first one's place in `sends`. */
  count: number
  at = 0
  index = 0

  /** @param slots the messages' slots, which are copied. */
  constructor(
    ring: Ring,
    type: number,
    slots: Uint8Array,
    count: number,
    sends: (PendingSend | undefined)[] | undefined,
  ) {
    this.ring = ring
    this.type = type
    this.source = frameBytes(slots.slice())
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

  /** Goes on to the next message. */
  advance(): void {
    this.at += this.size
    this.index++
    this.count--
  }
}
