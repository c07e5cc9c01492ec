import { RING_FLAG } from '../abi/ring-flag.js'
import type { ErrorCode } from '../abi/errno.js'
import type { Port } from '../abi/addr.js'
import type { Ring } from './ring.js'
import type { Target } from './target.js'

/** Asks about the ring that a datagram to `target` and `port` would go to. */
export interface RingQuery {
  readonly target: Target
  readonly port: Port
  /** Payload bytes of the message that should fit. */
  readonly spaceRequired: number
  /** Say `ring-up` when a ring appears, if there is none. */
  readonly wantRing: boolean
}

/** The answer to a RingQuery. */
export interface RingStatus {
  /** Bits of RING_FLAG; EXISTS without SUFFICIENT, EMSGSIZE or EBUSY means a `space` event follows. */
  readonly flags: number
  readonly maxMessageBytes: number
  /** Payload bytes that fit now. */
  readonly spaceBytes: number
  /** Why nothing is known, or null. */
  readonly code: ErrorCode | null
}

/** The answer about a ring that can't be asked about. */
export function noRing(code: ErrorCode): RingStatus {
  return { flags: 0, maxMessageBytes: 0, spaceBytes: 0, code }
}

/** What there is to say about a ring without changing anything. */
export function ringStatus(ring: Ring, shared: boolean, spaceRequired: number): RingStatus {
  const { buffer } = ring
  let flags: number = RING_FLAG.EXISTS
  if (shared) flags |= RING_FLAG.SHARED
  if (buffer.usedBytes === 0) flags |= RING_FLAG.EMPTY
  if (!buffer.canEverFit(spaceRequired)) flags |= RING_FLAG.EMSGSIZE
  return {
    flags,
    maxMessageBytes: buffer.maxMessageBytes,
    spaceBytes: buffer.payloadSpace,
    code: null,
  }
}
