import { codeOfErrno, type ErrorCode } from '../abi/errno.js'
import type { NotifiedEntry } from '../abi/frame.js'
import type { Destination } from './target-table.js'

/** Argo's XEN_ARGO_RING_* bits, as the daemon gives them. */
const EXISTS = 0x01
const SHARED = 0x02
const EMPTY = 0x04
const SUFFICIENT = 0x08
const EMSGSIZE = 0x10
const EBUSY = 0x20

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
    exists: (flags & EXISTS) !== 0,
    shared: (flags & SHARED) !== 0,
    empty: (flags & EMPTY) !== 0,
    sufficient: (flags & SUFFICIENT) !== 0,
    tooLarge: (flags & EMSGSIZE) !== 0,
    busy: (flags & EBUSY) !== 0,
    maxMessageBytes: entry.maxMessageBytes,
    spaceBytes: entry.spaceBytes,
    code: errno === 0 ? undefined : codeOfErrno(errno),
  }
}
