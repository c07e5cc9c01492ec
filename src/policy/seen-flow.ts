import { PORT_EPHEMERAL_MAX, PORT_EPHEMERAL_MIN, type MessageType } from '../abi/addr.js'
import type { FlowVerdict } from './flow-verdict.js'
import type { PortRange } from './selector.js'

/**
 * Datagrams of one flow that were seen to be decided. A port of PORT_EPHEMERAL_MIN, on either side,
 * stands for all that a daemon picks: see `isFolded`.
 */
export interface SeenFlow {
  readonly source: string
  readonly sourcePort: number
  readonly destination: string
  readonly destinationPort: number
  readonly type: MessageType
  /** What became of them. */
  readonly effect: FlowVerdict
  /** A rule's id, or DEFAULT_ID. */
  readonly rule: string
  readonly datagrams: number
  readonly bytes: number
  /** Milliseconds since the epoch. */
  readonly firstAt: number
  readonly lastAt: number
}

/** The ports that a daemon picks for who asks for any. */
export const EPHEMERAL_PORTS: PortRange = { min: PORT_EPHEMERAL_MIN, max: PORT_EPHEMERAL_MAX }

/** True for the port that stands for all that a daemon picks. */
export function isFolded(port: number): boolean {
  return port === PORT_EPHEMERAL_MIN
}

/** What an answer comes to, for whoever sends. */
export type Standing = 'admitted' | 'asked' | 'refused'

/**
 * What a verdict comes to; undefined for `limit`, which says how much came and not whether it may.
 */
export function standingOf(verdict: FlowVerdict): Standing | undefined {
  switch (verdict) {
    case 'accept':
    case 'audit':
    case 'error':
      return 'admitted'
    case 'ask':
      return 'asked'
    case 'reject':
    case 'drop':
      return 'refused'
    case 'limit':
      return undefined
  }
}
