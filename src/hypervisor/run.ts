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
