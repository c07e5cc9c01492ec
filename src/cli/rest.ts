import type { EndedBy, EndReason } from '../abi/end-reason.js'
import type { FlowVerdict } from '../policy/flow-verdict.js'
import type { Action } from '../policy/rule.js'

/**
 * The answers of the daemon's REST interface, as far as the command reads them; those about the
 * policy are in `rest-policy.ts`.
 */

/** Milliseconds since the Unix epoch. */
export type Milliseconds = number

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

/** Datagrams by the code that their sender was told, or `drop`. */
export type Undelivered = Readonly<Record<string, number>>

export interface DomainInfo {
  readonly name: string
  readonly id: number
  readonly tags: readonly string[]
  readonly enabled: boolean
  readonly createdAt: Milliseconds
  readonly lastSeenAt: Milliseconds | null
  readonly sessions: number
  readonly rings: number
  readonly ringBytes: number
  readonly ringBytesUsed: number
  readonly counters: Counters
  /** Of what it sent, and of what was sent to it. */
  readonly undelivered: { readonly from: Undelivered; readonly to: Undelivered }
}

/** One domain with all that it has now. */
export interface DomainDetail extends DomainInfo {
  readonly ringDetails: readonly RingInfo[]
  readonly sessionDetails: readonly SessionInfo[]
  /** How the last of its sessions ended that did. */
  readonly lastDisconnect?: Disconnect
}

export interface DomainList {
  readonly domains: readonly DomainInfo[]
}

export interface DomainKicked extends Changed {
  readonly sessions: number
}

export interface TokenInfo {
  readonly id: number
  /** Of a domain's token. */
  readonly domain: string | null
  /** Of an admin's token. */
  readonly role: string | null
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

export interface TokenRotated extends TokenIssued {
  /** The daemon's admin.token holds it now. */
  readonly isInFile: boolean
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
  readonly transport: string | null
  readonly agent: string | null
  readonly ports: readonly number[]
  readonly rings: number
  readonly ringsSentTo: number
  readonly ringsWaitedFor: number
}

/** How sessions of a domain ended that ended for one reason, or attempts to attach. */
export interface Disconnect {
  readonly seq: number
  readonly reason: EndReason
  readonly by: EndedBy
  readonly detail: string
  readonly remedy: string
  readonly limitName?: string
  readonly limit?: number
  readonly used?: number
  readonly domain?: string
  readonly session?: number
  readonly tokenId?: number
  readonly transport: string
  readonly address?: string
  readonly pid?: number
  readonly comm?: string
  readonly count: number
  readonly firstAt: Milliseconds
  readonly lastAt: Milliseconds
  readonly livedMs: number
  readonly datagramsSent: number
  readonly datagramsReceived: number
}

export interface DisconnectList {
  readonly disconnects: readonly Disconnect[]
}

export interface SessionList {
  readonly sessions: readonly SessionInfo[]
}

export interface Stats {
  /** Now. */
  readonly at: Milliseconds
  readonly revision: number
  readonly startedAt: Milliseconds
  readonly rules: number
  readonly sessions: number
  readonly rings: number
  readonly ringBytes: number
  readonly ringBytesUsed: number
  /** Senders that wait for room in a ring. */
  readonly waiters: number
  readonly verdicts: Readonly<
    Record<Action, { readonly datagrams: number; readonly bytes: number }>
  >
  readonly totals: Counters
  readonly undelivered: Undelivered
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
  readonly auth: string | null
  readonly origin: string | null
  readonly action: string
  readonly target: string
  readonly revisionBefore: number | null
  readonly revisionAfter: number | null
  readonly reason: string
}

export interface AuditHead {
  readonly seq: number
  readonly hash: string
}

export type AuditVerdict =
  | { readonly ok: true; readonly records: number; readonly hash: string }
  | { readonly ok: false; readonly seq: number; readonly message: string }

export interface AuditList {
  readonly records: readonly AuditRecord[]
}

export interface Flow {
  readonly seq: number
  readonly at: Milliseconds
  readonly decisionId: string
  readonly verdict: FlowVerdict
  readonly rule: string | null
  /** The document where the rule stands. */
  readonly file?: string
  readonly line?: number
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

/** What became of the datagrams of a flow on a day. */
export interface SeenFlow {
  readonly source: string
  readonly destination: string
  readonly type: string
  readonly verdict: FlowVerdict
  readonly rule: string
  readonly datagrams: number
  readonly bytes: number
  readonly firstAt: Milliseconds
  readonly lastAt: Milliseconds
}

export interface HistoryList {
  readonly flows: readonly SeenFlow[]
  /** Datagrams that are in no flow. */
  readonly lost: number
}

/** A flow that waits for an operator. */
export interface AskInfo {
  readonly id: number
  readonly source: string
  readonly destination: string
  readonly type: string
  readonly rule: string
  readonly deadline: Milliseconds
  readonly datagrams: number
}

/** A flow that an operator has admitted for some time. */
export interface GrantInfo {
  readonly id: number
  readonly source: string
  readonly destination: string
  readonly type: string
  readonly by: string
  readonly expires: Milliseconds
  readonly datagrams: number
}

export interface AskList {
  readonly asks: readonly AskInfo[]
  readonly grants: readonly GrantInfo[]
}

/** Who is in audit mode. */
export interface AuditMode {
  readonly all: boolean
  readonly domains: readonly string[]
}

export interface Ready {
  readonly status: string
  readonly checks?: readonly {
    readonly name: string
    readonly ok: boolean
    readonly message: string
  }[]
}

/** The daemon's OpenAPI document. */
export interface ApiDescription {
  readonly paths: Readonly<
    Record<
      string,
      Readonly<Record<string, { readonly summary: string; readonly 'x-v4v-role'?: string }>>
    >
  >
}
