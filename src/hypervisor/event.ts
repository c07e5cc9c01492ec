import type { EndReason } from '../abi/end-reason.js'
import type { ErrorCode } from '../abi/errno.js'
import type { FlowVerdict } from '../policy/flow-verdict.js'
import type { Verdict } from '../policy/verdict.js'
import type { Domain } from './domain.js'
import type { Ring } from './ring.js'

/** A domain as events name it. */
export interface Party {
  readonly name: string
  /** Its number; 0 while no domain has the name. */
  readonly id: number
}

/** What a session hears of besides its data. */
export type SessionEvent =
  /** A message that was refused for want of space would fit now. */
  | {
      readonly kind: 'space'
      readonly party: Party
      readonly port: number
      readonly spaceBytes: number
    }
  /** A ring that was asked for is there now. */
  | { readonly kind: 'ring-up'; readonly party: Party; readonly port: number }
  /** A ring this session sent to or waited for, or had datagrams from, is gone. */
  | { readonly kind: 'ring-down'; readonly party: Party; readonly port: number }
  /** A domain this session had to do with has no session any more. */
  | { readonly kind: 'domain-down'; readonly party: Party }
  | { readonly kind: 'policy-changed'; readonly revision: number }

/** Where the hypervisor leaves what concerns one session. Must not call back into it. */
export interface SessionSink {
  /** A ring of the session has bytes it had not before, which come from this domain. */
  data(ring: Ring, source: Domain): void
  event(event: SessionEvent): void
  /** The domain was destroyed or kicked: the session has ended already. */
  ended(reason: EndReason, detail: string): void
}

/** A decision worth remembering: a refusal, or the first datagram a flow was decided for. */
export interface FlowRecord {
  readonly decisionId: number
  /** What policy says. */
  readonly verdict: Verdict
  /** What was done. */
  readonly effect: FlowVerdict
  /** What the sender was told: null when it was delivered, or dropped silently. */
  readonly code: ErrorCode | null
  readonly source: { readonly domain: string; readonly port: number }
  readonly destination: { readonly domain: string; readonly port: number }
  /** A number of MESSAGE_TYPES. */
  readonly type: number
  readonly datagrams: number
  readonly bytes: number
}
