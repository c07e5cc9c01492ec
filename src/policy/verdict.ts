import { matches, type Action, type Rule } from './rule.js'
import { EVERYWHERE, type Scope } from './scope.js'
import type { Tuple } from './tuple.js'

/** The answer to one datagram: what is done with it, and who said so. */
export interface Verdict {
  readonly action: Action
  /** The rule that decided, or null when none matched. */
  readonly rule: Rule | null
  /** The rule's place in the table, counted from 1; 0 when none matched. */
  readonly position: number
  /** The revision of the table that decided. */
  readonly revision: number
}

/** The answer of a table to a datagram that none of its rules speaks of. */
export function defaultVerdict(revision: number): Verdict {
  return { action: 'reject', rule: null, position: 0, revision }
}

/** The answer of the rule at a position, counted from 1. */
export function verdictOf(rule: Rule, position: number, revision: number): Verdict {
  return { action: rule.action, rule, position, revision }
}

/**
 * What the policy means: the first rule that matches decides, and what nothing matches is
 * rejected. `PolicyTable` gives the same answers faster; this is what it is held against.
 */
export function evaluate(
  rules: readonly Rule[],
  revision: number,
  tuple: Tuple,
  scope: Scope = EVERYWHERE,
): Verdict {
  for (const [index, rule] of rules.entries()) {
    if (matches(rule, tuple, scope)) return verdictOf(rule, index + 1, revision)
  }
  return defaultVerdict(revision)
}
