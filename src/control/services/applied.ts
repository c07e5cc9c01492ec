import type { Refusal } from '../../store/refusal.js'
import type { DetailedRefusal, StaleRefusal } from '../policy/policy-request.js'

/** How a policy is put in force. */
export interface ApplyOptions {
  /** Roll back unless it is confirmed within so many milliseconds. */
  readonly confirmMs?: number | undefined
  /** Also when a test of the policy fails. */
  readonly skipTests?: boolean | undefined
  /** When it was made for another revision, together with what others changed since. */
  readonly merge?: boolean | undefined
}

/** A policy that is in force. */
export interface Applied {
  readonly ok: true
  readonly revision: number
  /** The rule that was edited, where it was one. */
  readonly id: string
  readonly rules: number
  readonly added: number
  readonly changed: number
  readonly removed: number
  /** When it is rolled back unless it is confirmed. */
  readonly deadline: number | undefined
  /** True when it was in force already: no revision was made. */
  readonly isUnchanged: boolean
  /** The revision it was made for, when what others changed since is in it as well. */
  readonly mergedFrom: number | undefined
}

export type PolicyRefusal =
  | Refusal<'ENOENT' | 'EINVAL' | 'EEXIST' | 'ENOSPC' | 'EBUSY' | 'ETIMEDOUT'>
  | DetailedRefusal
  | StaleRefusal
