import { isFrameLength, type FrameReader } from '../abi/frame-reader.js'
import { HELLO_BYTES_MAX } from '../abi/limits.js'
import type { SessionEnd } from '../hypervisor/session-end.js'

/** The ends that a client brings about itself. */
export const LEFT: SessionEnd = { reason: 'left', detail: 'the client said goodbye' }
export const LEFT_EARLY: SessionEnd = {
  reason: 'left-early',
  detail: 'the client went away before it had said who it is',
}
export const CONNECTION_LOST: SessionEnd = {
  reason: 'connection-lost',
  detail: 'the connection was gone without a goodbye',
}

/** What a session ends for whose reader does not take the length that a frame says it has. */
export function lengthEnd(
  { wrongLength: used, lengthMax }: FrameReader,
  detail: string,
): SessionEnd {
  if (used === undefined || !isFrameLength(used)) return { reason: 'frame-length', detail }
  const reason = lengthMax === HELLO_BYTES_MAX ? 'hello-too-long' : 'frame-too-long'
  return { reason, detail, limit: lengthMax, used }
}
