import type { Action, RuleType } from '../policy/rule.js'

/** The answers of the daemon's REST interface, as far as the command reads them. */

/** Milliseconds since the Unix epoch. */
type Milliseconds = number

/** Every answer to a change carries it. */
export interface Changed {
  readonly revision: number
}

export interface Counters {
  readonly datagramsSent: number
  readonly bytesSent: number
  readonly datagramsReceived: number
  readonly bytesReceived: number
  readonly datagramsRefused: number
  readonly datagramsDropped: number
}

export interface DomainInfo {
  readonly name: string
  readonly id: number
  readonly tags: readonly string[]
  readonly enabled: boolean
  readonly createdAt: Milliseconds
  readonly sessions: number
  readonly rings: number
  readonly ringBytes: number
  readonly counters: Counters
}

export interface DomainList {
  readonly domains: readonly DomainInfo[]
}

export interface DomainKicked extends Changed {
  readonly sessions: number
}

export interface TokenInfo {
  readonly id: number
  readonly label: string
  readonly createdAt: Milliseconds
  readonly expiresAt: Milliseconds | null
  readonly revokedAt: Milliseconds | null
  readonly lastUsedAt: Milliseconds | null
}

export interface TokenList {
  readonly tokens: readonly TokenInfo[]
}

export interface TokenIssued extends Changed {
  readonly token: TokenInfo
  /** The token itself. */
  readonly text: string
}

export interface RuleInfo {
  readonly id: string
  readonly position: number
  readonly action: Action
  readonly source: string
  readonly destination: string
  readonly type: RuleType
  readonly replies: boolean
  readonly comment: string
  readonly hits: number
  readonly bytes: number
  readonly lastHit: Milliseconds | null
}

export interface RuleList {
  readonly revision: number
  readonly rules: readonly RuleInfo[]
  /** What no rule matched. */
  readonly default: Pick<RuleInfo, 'hits' | 'bytes' | 'lastHit'> & { readonly action: Action }
}

export interface RuleChanged extends Changed {
  readonly rule: RuleInfo
}

export interface RingInfo {
  readonly domain: string
  readonly port: number
  readonly partner: string
  readonly session: number
  readonly length: number
  readonly usedBytes: number
  readonly datagrams: number
  readonly senders: number
  readonly waiters: number
}

export interface RingList {
  readonly rings: readonly RingInfo[]
}

export interface SessionInfo {
  readonly id: number
  readonly domain: string
  readonly ports: readonly number[]
  readonly rings: number
  readonly ringsSentTo: number
  readonly ringsWaitedFor: number
}

export interface SessionList {
  readonly sessions: readonly SessionInfo[]
}

export interface Stats {
  readonly revision: number
  readonly startedAt: Milliseconds
  readonly rules: number
  readonly sessions: number
  readonly rings: number
  readonly ringBytes: number
  readonly ringBytesUsed: number
  readonly verdicts: Readonly<
    Record<Action, { readonly datagrams: number; readonly bytes: number }>
  >
  readonly totals: Counters
  readonly domains: readonly {
    readonly name: string
    readonly sessions: number
    readonly counters: Counters
  }[]
}

export interface AuditRecord {
  readonly seq: number
  readonly at: Milliseconds
  readonly actor: string
  readonly action: string
  readonly target: string
  readonly revisionBefore: number | null
  readonly revisionAfter: number | null
  readonly reason: string
}

export interface AuditList {
  readonly records: readonly AuditRecord[]
}

export interface Flow {
  readonly seq: number
  readonly at: Milliseconds
  readonly decisionId: string
  readonly verdict: Action
  readonly rule: string | null
  readonly code: string | null
  readonly reason: string
  readonly source: string
  readonly destination: string
  readonly type: string
  readonly datagrams: number
  readonly bytes: number
}

export interface FlowList {
  readonly flows: readonly Flow[]
}

export interface Ready {
  readonly status: string
  readonly checks?: readonly {
    readonly name: string
    readonly ok: boolean
    readonly message: string
  }[]
}
