import type { DecisionSummary } from '../policy/decision-summary.js'
import type { LintFinding } from '../policy/lint.js'
import type { PartChange } from '../policy/part-change.js'
import type { ReplayResult } from '../policy/replay.js'
import type { RuleChange } from '../policy/rule-diff.js'
import type { Action, RuleType } from '../policy/rule.js'
import type { Conflict } from '../policy/three-way.js'
import type { Changed, Milliseconds } from './rest.js'

/** The answers of the daemon's REST interface about rules, revisions and sets of the policy. */

export interface RulesZeroed extends Changed {
  readonly hits: number
  readonly bytes: number
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
  readonly maxBytes?: number
  readonly rate?: string
  readonly burst?: number
  readonly flowRate?: string
  readonly flowBurst?: number
  readonly quota?: string
  readonly log?: string
  readonly expires?: Milliseconds
  /** The document where it stands. */
  readonly file?: string
  readonly line?: number
  readonly hits: number
  readonly bytes: number
  readonly lastHit: Milliseconds | null
  /** Of the hits, those that were delivered only because of audit mode. */
  readonly audited: number
  /** Datagrams that a limit of the rule refused. */
  readonly limited: number
  /** Of a rule with a quota: bytes of it that are used, and when they are there again. */
  readonly quotaUsed?: number
  readonly quotaResets?: Milliseconds | null
}

export interface RuleList {
  readonly revision: number
  readonly rules: readonly RuleInfo[]
  /** What no rule matched. */
  readonly default: Pick<RuleInfo, 'action' | 'hits' | 'bytes' | 'lastHit' | 'audited' | 'limited'>
}

export interface RuleChanged extends Changed {
  readonly rule: RuleInfo
}

export interface Suggestion {
  readonly flows: number
  readonly rules: number
  readonly tests: number
  readonly document: string
}

export interface PolicyDocuments {
  readonly revision: number
  readonly documents: readonly { readonly name: string; readonly text: string }[]
}

export interface PolicyApplied extends Changed {
  readonly rules: number
  readonly added: number
  readonly changed: number
  readonly removed: number
  readonly deadline: Milliseconds | null
  readonly unchanged: boolean
  readonly mergedFrom?: number
}

export interface RevisionInfo {
  readonly revision: number
  readonly at: Milliseconds
  readonly author: string
  readonly reason: string
  readonly hash: string
  readonly rules: number
  readonly bytes: number
}

export interface RevisionList {
  readonly revision: number
  readonly unconfirmed: {
    readonly revision: number
    readonly backTo: number
    readonly deadline: Milliseconds
  } | null
  readonly revisions: readonly RevisionInfo[]
}

/** Things of which all are counted and some are listed. */
interface Listed<T> {
  readonly listed: readonly T[]
}

/** The same with the count. */
export interface Counted<T> extends Listed<T> {
  readonly total: number
}

/** A change of a part of the policy, and in which revision others made it last. */
export type LaterChange = PartChange & { readonly revision?: number }

/** What others did while a change was made, beside that change. */
export interface Comparison {
  readonly base: number
  readonly current: number
  readonly revisions: readonly Pick<RevisionInfo, 'revision' | 'at' | 'author' | 'reason'>[]
  readonly theirs: Counted<LaterChange> | null
  readonly yours: Counted<PartChange> | null
  readonly conflicts: Counted<Conflict> | null
  readonly isClean: boolean
  readonly problem: string | null
}

export interface PolicyDiff {
  readonly rules: Listed<RuleChange> & {
    readonly added: number
    readonly removed: number
    readonly changed: number
    readonly moved: number
  }
  readonly setsChanged: boolean
  readonly tagsChanged: boolean
  readonly testsChanged: boolean
  readonly decisions: DecisionSummary
}

export interface PolicyPlan extends PolicyDiff {
  readonly status: 'none' | 'changes' | 'refused'
  readonly revision: number
  readonly tests: {
    readonly run: number
    readonly failed: number
    readonly failures: readonly {
      readonly file?: string
      readonly line?: number
      readonly message: string
    }[]
  }
  readonly lint: Listed<LintFinding> & { readonly findings: number }
  readonly flows: ReplayResult
}

export interface SetList {
  readonly revision: number
  readonly sets: readonly {
    readonly name: string
    readonly elements: readonly {
      readonly element: string
      readonly expiresAt: Milliseconds | null
      readonly addedBy: string | null
    }[]
  }[]
}

export interface ElementChanged extends Changed {
  readonly set: string
  readonly element: string
  readonly expiresAt: Milliseconds | null
}
