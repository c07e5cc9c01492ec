import type { Port } from '../abi/addr.js'
import type { FrameBytes } from '../abi/frame.js'
import { MESSAGE_HEADER_BYTES } from '../abi/limits.js'
import { sizeOfMessage } from './ring-buffer.js'
import type { Target } from './target.js'

/** A run of messages as they lie in a SEND frame. */
export interface Run {
  readonly sourcePort: Port
  readonly target: Target
  readonly port: Port
  /** A number of MESSAGE_TYPES. */
  readonly type: number
  readonly count: number
  /** The run starts with the first message that was refused for want of space. */
  readonly retry: boolean
}

/** Some messages of a run, one behind the other. */
export interface Stretch {
  readonly count: number
  readonly slotBytes: number
  readonly payloadBytes: number
}

/**
 * The messages from `start` on that have more than so many payload bytes, up to the first that has
 * not or is none.
 * @param count how many messages there are at most.
 * @param firstLen what the first one's header said, which is too much: who shares this memory may
 *   have changed it.
 */
export function tooLarge(
  payloadBytesMax: number,
  bytes: FrameBytes,
  start: number,
  end: number,
  count: number,
  firstLen: number,
): Stretch {
  let at = start
  let found = 0
  let payloadBytes = 0
  let len = firstLen
  for (let size = sizeOfMessage(len); size > 0 && size <= end - at; size = sizeOfMessage(len)) {
    if (found > 0 && len - MESSAGE_HEADER_BYTES <= payloadBytesMax) break
    found++
    payloadBytes += len - MESSAGE_HEADER_BYTES
    at += size
    if (found === count || at === end) break
    len = bytes.view.getUint32(at, true)
  }
  return { count: found, slotBytes: at - start, payloadBytes }
}

/**
 * Payload bytes of the run from `start` to `end`, or -1 when these are not `count` whole messages.
 * Who shares this memory may change it after.
 */
export function payloadOfRun(bytes: FrameBytes, start: number, end: number, count: number): number {
  let at = start
  let payloadBytes = 0
  for (let i = 0; i < count; i++) {
    if (at >= end) return -1
    const len = bytes.view.getUint32(at, true)
    const size = sizeOfMessage(len)
    if (size === 0 || size > end - at) return -1
    payloadBytes += len - MESSAGE_HEADER_BYTES
    at += size
  }
  return at === end ? payloadBytes : -1
}
