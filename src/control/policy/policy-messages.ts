// What the daemon and the threads that work on policies tell each other.

import type { DomainId, MessageType } from '../../abi/addr.js'
import type { KeptPolicy } from '../../store/policy-body.js'
import type { Refusal } from '../../store/refusal.js'
import type { RuleDocument } from '../schemas/rule.js'
import type { TableChange } from './table-change.js'
import type { PackedTable } from './packed-table.js'
import type { LaterRevision } from './policy-comparison.js'
import type { DetailedRefusal } from './policy-request.js'
import type { RulePatchJson } from './rule-json.js'

/** A revision's body as it is kept. */
export interface Body {
  readonly format: number
  readonly body: Uint8Array
}

/** The body of a revision. */
export interface KeptBody extends Body {
  readonly revision: number
}

/** What is to be done with the policy in force. */
export type PolicyEdit =
  /** The body of a request for a whole policy; whoever asks has it no longer. */
  | { readonly kind: 'request'; readonly bytes: Uint8Array }
  | {
      readonly kind: 'insert'
      readonly rule: RuleDocument
      readonly position?: number | undefined
    }
  | {
      readonly kind: 'update'
      readonly id: string
      readonly patch: RulePatchJson
      readonly position?: number | undefined
    }
  | { readonly kind: 'remove'; readonly id: string }
  /** Back to what a revision said. */
  | ({ readonly kind: 'restore' } & Body)

/** What happened since the revision that a change was made for. */
export interface Meanwhile {
  readonly base: number
  /** What that said, or why it can't be had. */
  readonly body: Body | string
  /** The revisions since, the newest first; the oldest may be left out. */
  readonly revisions: readonly LaterRevision[]
  /** What some of them said, the one in force left out, in rising order. */
  readonly bodies: readonly KeptBody[]
}

/** A domain as the policy has to know it. */
export interface KnownDomain {
  readonly name: string
  readonly id: DomainId
  readonly tags: readonly string[]
}

/** What the thread of changes has to know before it is asked anything. */
export interface Setting {
  readonly kind: 'changes'
  /** The policy in force; none for the empty one. */
  readonly inForce: Body | undefined
  /** Its revision. */
  readonly revision: number
  readonly lastRuleNumber: number
  readonly rulesMax: number
}

/** The same of the thread of questions. */
export interface InquirySetting {
  readonly kind: 'inquiries'
  readonly rulesMax: number
}

/** Flows that were written down, from a time on. */
export interface Past {
  /** The file. */
  readonly path: string
  /** Milliseconds since the Unix epoch. */
  readonly since: number
}

/** How an edit is to be made. */
export interface PrepareOptions {
  /** Milliseconds since the Unix epoch. */
  readonly now: number
  /** Make it also when a test fails. */
  readonly skipTests: boolean
}

/** A policy that is ready to be stored and put in force. */
export interface Prepared {
  readonly ok: true
  /** As a request for a whole policy gave them. */
  readonly ifRevision: number | undefined
  readonly reason: string | undefined
  /** The rule that was edited, where it was one. */
  readonly id: string | undefined
  readonly format: number
  readonly body: Uint8Array
  readonly hash: Uint8Array
  readonly lastRuleNumber: number
  readonly table: PackedTable
  /** The sets and tags, where they are others than those in force. */
  readonly sets: KeptPolicy['sets'] | undefined
  readonly tags: KeptPolicy['tags'] | undefined
  /** What tells its table from the one in force. */
  readonly change: TableChange
  /** True when the policy in force says the same already, in the same documents. */
  readonly isUnchanged: boolean
  /** The revision it was made for, when what others changed since is in it as well. */
  readonly mergedFrom: number | undefined
}

/** A datagram that is asked about. */
export interface Asked {
  readonly source: string
  readonly sourcePort: number
  readonly destination: string
  readonly destinationPort: number
  readonly type: MessageType
  /** Bytes of payload. */
  readonly size: number
  /** Whether what the policy refuses between these two is delivered, because of audit mode. */
  readonly isAudited: boolean
}

/** What is asked of lint. */
export interface LintAsked {
  /** Milliseconds since the epoch. */
  readonly now: number
  /** Whether every rule should have a comment. */
  readonly comments: boolean
  /** After how long without a hit a rule of the policy in force is called unused. */
  readonly unusedMs: number | undefined
}

/** Why an edit can not be made. */
export type PrepareRefusal = Refusal<'ENOENT' | 'EINVAL' | 'EEXIST' | 'ENOSPC'> | DetailedRefusal
