import type { ErrorCode } from '../abi/errno.js'
import type { Ring } from './ring.js'
import type { SessionEnd } from './session-end.js'
import type { Session } from './session.js'

/** Why something was not done, for a program and for a person. */
export interface Refusal {
  readonly ok: false
  readonly code: ErrorCode
  /** More than the table's sentence: which limit, which value. May be empty. */
  readonly detail: string
}

export type OpenOutcome = { readonly ok: true; readonly session: Session } | (Refusal & SessionEnd)
export type RegisterOutcome = { readonly ok: true; readonly ring: Ring } | Refusal
export type UnregisterOutcome = { readonly ok: true } | Refusal

/** What became of one datagram. */
export type SendOutcome =
  | { readonly ok: true }
  | { readonly ok: false; readonly code: ErrorCode; readonly decisionId: number }

/**
 * What became of a run of datagrams: the first `accepted` were taken, and if `code` is set the
 * next `refused` were not. What is left after these is to be sent on its own. One object serves
 * many runs: read it before the next call.
 */
export interface RunOutcome {
  accepted: number
  refused: number
  code: ErrorCode | null
  decisionId: number
  /** The run's bytes are no messages; nothing was accepted. */
  malformed: boolean
  /** Slot bytes of what was accepted, which is where the rest starts. */
  slotBytes: number
  /** Slot bytes of messages that were refused for their size, behind which the rest starts; else 0. */
  refusedSlotBytes: number
  /** Slot bytes that the ring still takes of this domain, where that is little; else Infinity. */
  roomBytes: number
}

export function refusal(code: ErrorCode, detail = ''): Refusal {
  return { ok: false, code, detail }
}
