import type { Place } from './policy.js'
import type { Decisions } from './pair-rules.js'
import { formatRule } from './rule-text.js'
import { DEFAULT_ID, lets, matches, payloadBytesMaxOf, type Action, type Rule } from './rule.js'
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
  /** How the datagram that was asked about is refused for its size, though a rule admits it. */
  readonly code?: 'EMSGSIZE'
  /** The rules in front, in order. */
  readonly walk: readonly PassedRule[]
  /** Later rules that speak of this datagram too, and are not asked. */
  readonly shadows: readonly ExplainedRule[]
}

/**
 * Walks through the rules as `evaluate` does and says what happens at each.
 * @param bytes of payload; 0 when left out.
 */
export function explain(policy: Decisions, tuple: Tuple, now: number, bytes = 0): Explanation {
  return new Explainer(policy, now).explain(tuple, bytes)
}

/** For many questions about one policy at one moment. */
export class Explainer {
  readonly #rules: readonly Rule[]
  readonly #scope: Scope
  readonly #explained: readonly ExplainedRule[]

  constructor({ rules, sets, tags }: Decisions, now: number) {
    this.#rules = rules
    this.#scope = { sets, tags, now }
    this.#explained = rules.map((rule, index) => {
      const { id, place } = rule
      const text = formatRule(rule)
      return { id, position: index + 1, text, ...(place !== undefined && { place }) }
    })
  }

  explain(tuple: Tuple, bytes = 0): Explanation {
    const rules = this.#rules
    const { action, rule, position } = evaluate(rules, 0, tuple, this.#scope)
    const bytesMax = rule === null ? Infinity : payloadBytesMaxOf(rule)
    const passed = rule === null ? rules.length : position - 1
    const walk: PassedRule[] = []
    for (let i = 0; i < passed; i++) {
      walk.push({ ...this.#explained[i]!, why: whyNot(rules[i]!, tuple, this.#scope) })
    }
    const shadows: ExplainedRule[] = []
    for (let i = passed + 1; i < rules.length; i++) {
      if (matches(rules[i]!, tuple, this.#scope)) shadows.push(this.#explained[i]!)
    }
    return {
      action,
      decidedBy: rule?.id ?? DEFAULT_ID,
      rule: rule === null ? null : this.#explained[position - 1]!,
      ...(bytesMax < Infinity && { maxBytes: bytesMax }),
      ...(bytes > bytesMax && lets(action) && { code: 'EMSGSIZE' }),
      walk,
      shadows,
    }
  }
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
