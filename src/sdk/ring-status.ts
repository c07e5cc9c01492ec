import { codeOfErrno, type ErrorCode } from '../abi/errno.js'
import type { NotifiedEntry } from '../abi/control-frame.js'
import { RING_FLAG } from '../abi/ring-flag.js'
import type { Destination } from './target-table.js'

/** Asks about the ring that a datagram to an address would go to. */
export interface RingQuery {
  readonly to: Destination
  /** Payload bytes of the message that should fit; 0 unless told. */
  readonly spaceRequired?: number | undefined
  /** Say `ring-up` when a ring appears, if there is none. */
  readonly wantRing?: boolean | undefined
}

/** What is known of a ring. */
export interface RingStatus {
  /** A ring is there. */
  readonly exists: boolean
  /** It takes datagrams from more than this domain. */
  readonly shared: boolean
  /** Nothing is in it. */
  readonly empty: boolean
  /** The space asked for is there. */
  readonly sufficient: boolean
  /** The space asked for never will be there. */
  readonly tooLarge: boolean
  /** The space is not there, and nothing will tell when it is. */
  readonly busy: boolean
  /** Payload bytes of the largest message the ring ever takes. */
  readonly maxMessageBytes: number
  /** Payload bytes that fit now. */
  readonly spaceBytes: number
  /** Why nothing is known. */
  readonly code: ErrorCode | undefined
}

/** Reads one entry of the daemon's answer. */
export function ringStatusOf(entry: NotifiedEntry): RingStatus {
  const { flags, errno } = entry
  return {
    exists: (flags & RING_FLAG.EXISTS) !== 0,
    shared: (flags & RING_FLAG.SHARED) !== 0,
    empty: (flags & RING_FLAG.EMPTY) !== 0,
    sufficient: (flags & RING_FLAG.SUFFICIENT) !== 0,
    tooLarge: (flags & RING_FLAG.EMSGSIZE) !== 0,
    busy: (flags & RING_FLAG.EBUSY) !== 0,
    maxMessageBytes: entry.maxMessageBytes,
    spaceBytes: entry.spaceBytes,
    code: errno === 0 ? undefined : codeOfErrno(errno),
  }
}
