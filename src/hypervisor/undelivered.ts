/** Why a datagram was refused: what its sender is told. */
export type SendRefusal =
  | 'EPERM'
  | 'EAGAIN'
  | 'EBUSY'
  | 'EINVAL'
  | 'ESRCH'
  | 'EMSGSIZE'
  | 'EADDRNOTAVAIL'
  | 'ECONNRESET'
  | 'ECONNREFUSED'
  | 'EDQUOT'

/**
 * Datagrams that were not delivered, by what their senders were told; `drop` is for those that a
 * rule swallowed. What was refused and tried again counts each time.
 */
export type UndeliveredCounts = Record<SendRefusal | 'drop', number>

/** Of a domain, since the daemon started. */
export interface Undelivered {
  /** What it sent. */
  readonly from: UndeliveredCounts
  /** What others, or it itself, sent to it. */
  readonly to: UndeliveredCounts
}

/** What may be counted, in the order in which it is told. */
export const UNDELIVERED_REASONS = Object.keys(noCounts()) as readonly (keyof UndeliveredCounts)[]

/** All of them zero. */
export function noneUndelivered(): Undelivered {
  return { from: noCounts(), to: noCounts() }
}

function noCounts(): UndeliveredCounts {
  return {
    drop: 0,
    EPERM: 0,
    EAGAIN: 0,
    EBUSY: 0,
    EINVAL: 0,
    ESRCH: 0,
    EMSGSIZE: 0,
    EADDRNOTAVAIL: 0,
    ECONNRESET: 0,
    ECONNREFUSED: 0,
    EDQUOT: 0,
  }
}
