import type { Place } from './policy.js'
import type { Decisions } from './pair-rules.js'
import { formatRule } from './rule-text.js'
import { DEFAULT_ID, matches, type Action, type Rule } from './rule.js'
import type { Scope } from './scope.js'
import { formatSelector, isExpired, matchesEnd, matchesPort, matchesSubject } from './selector.js'
import type { Selector } from './selector.js'
import type { Subject } from './subject.js'
import type { Tuple } from './tuple.js'
import { evaluate } from './verdict.js'

/** A rule in an explanation. */
export interface ExplainedRule {
  readonly id: string
  readonly position: number
  /** The rule on one line. */
  readonly text: string
  readonly place?: Place | undefined
}

/** A rule that was asked before the one that decided, and why it did not. */
export interface PassedRule extends ExplainedRule {
  readonly why: string
}

/** How a policy comes to its verdict about a datagram. */
export interface Explanation {
  readonly action: Action
  /** The id of the rule that decided, or `default`. */
  readonly decidedBy: string
  readonly rule: ExplainedRule | null
  /** A datagram of more bytes is refused with EMSGSIZE all the same. */
  readonly maxBytes?: number | undefined
  /** The rules in front, in order. */
  readonly walk: readonly PassedRule[]
  /** Later rules that speak of this datagram too, and are not asked. */
  readonly shadows: readonly ExplainedRule[]
}

/** Walks through the rules as `evaluate` does and says what happens at each. */
export function explain({ rules, sets, tags }: Decisions, tuple: Tuple, now: number): Explanation {
  const scope = { sets, tags, now }
  const { action, rule, position } = evaluate(rules, 0, tuple, scope)
  const inFront = rule === null ? rules : rules.slice(0, position - 1)
  const behind = rule === null ? [] : rules.slice(position)
  return {
    action,
    decidedBy: rule?.id ?? DEFAULT_ID,
    rule: rule === null ? null : explained(rule, position),
    ...(rule?.maxBytes !== undefined && { maxBytes: rule.maxBytes }),
    walk: inFront.map((each, index) => ({
      ...explained(each, index + 1),
      why: whyNot(each, tuple, scope),
    })),
    shadows: behind.flatMap((each, index) =>
      matches(each, tuple, scope) ? explained(each, position + 1 + index) : [],
    ),
  }
}

function explained(rule: Rule, position: number): ExplainedRule {
  const { id, place } = rule
  return { id, position, text: formatRule(rule), ...(place !== undefined && { place }) }
}

/** Why a rule does not match; the first reason that comes up. */
function whyNot(rule: Rule, tuple: Tuple, scope: Scope): string {
  const { source, sourcePort, destination, destinationPort, type } = tuple
  if (isExpired(rule, scope.now)) return 'it has expired'
  if (rule.type !== 'any' && rule.type !== type) return `it is for ${rule.type}, not ${type}`
  const there =
    endProblem('source', rule.source, source, sourcePort, scope) ??
    endProblem('destination', rule.destination, destination, destinationPort, scope)!
  if (!rule.replies) return there
  const back =
    endProblem('source', rule.destination, source, sourcePort, scope) ??
    endProblem('destination', rule.source, destination, destinationPort, scope)!
  return back === there ? there : `${there}; and on the way back, ${back}`
}

function endProblem(
  side: string,
  selector: Selector,
  subject: Subject,
  port: number,
  scope: Scope,
): string | undefined {
  if (matchesEnd(selector, subject, port, scope)) return undefined
  const text = formatSelector(selector)
  const who = subject.name === '' ? 'this domain' : subject.name
  if (!matchesSubject(selector, subject, scope)) return `the ${side} ${who} is not in ${text}`
  if (!matchesPort(selector.ports, port)) return `the ${side} port ${port} is not in ${text}`
  return `the ${side} port ${port} is not one that the set's elements name for ${who}`
}
