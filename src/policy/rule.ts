import { quote, tagProblem, type MessageType } from '../abi/addr.js'
import { NAME_CHARS_MAX } from '../abi/limits.js'
import { matchesPort, matchesSubject, type Selector } from './selector.js'
import type { Subject } from './subject.js'
import type { Tuple } from './tuple.js'

/** What a rule does with a datagram: deliver it, refuse it and say so, or swallow it silently. */
export const ACTIONS = ['accept', 'reject', 'drop'] as const
export type Action = (typeof ACTIONS)[number]

/** The message types a rule can speak of. */
export const RULE_TYPES = ['any', 'dgram', 'stream'] as const satisfies readonly (
  MessageType | 'any'
)[]
export type RuleType = (typeof RULE_TYPES)[number]

/** A rule of the table; its place in the table's array is its position, counted from 1. */
export interface Rule {
  /** Stable name of the rule: counters and logs are kept under it. Same alphabet as a tag. */
  readonly id: string
  readonly action: Action
  readonly source: Selector
  readonly destination: Selector
  readonly type: MessageType | 'any'
  /** Also accept the way back: destination to source, ports swapped. Only with accept. */
  readonly replies: boolean
  readonly comment: string
}

/** What a rule says, without the name it goes by. */
export type RuleBody = Omit<Rule, 'id'>

/** A rule's comment, in UTF-16 units. */
export const COMMENT_CHARS_MAX = 500
/** Stands in logs and counters for "no rule matched", so no rule can be called that. */
export const DEFAULT_ID = 'default'

// Line breaks, terminal escapes and marks that turn the direction of writing would let a comment
// look like something else in a listing; halves of a surrogate pair can't be stored.
const unprintablePattern = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u

/** True when the rule speaks of this datagram. */
export function matches(rule: RuleBody, tuple: Tuple): boolean {
  const { source, sourcePort, destination, destinationPort } = tuple
  if (rule.type !== 'any' && rule.type !== tuple.type) return false
  return (
    matchesWay(rule, source, sourcePort, destination, destinationPort) ||
    (rule.replies && matchesWay(rule, destination, destinationPort, source, sourcePort))
  )
}

function matchesWay(
  rule: RuleBody,
  source: Subject,
  sourcePort: number,
  destination: Subject,
  destinationPort: number,
): boolean {
  return (
    matchesSubject(rule.source, source) &&
    matchesPort(rule.source.ports, sourcePort) &&
    matchesSubject(rule.destination, destination) &&
    matchesPort(rule.destination.ports, destinationPort)
  )
}

/** Says what is wrong with a rule whose fields have the right types, or undefined. */
export function ruleProblem(rule: Rule): string | undefined {
  return (
    ruleIdProblem(rule.id) ??
    repliesProblem(rule.action, rule.replies) ??
    commentProblem(rule.comment)
  )
}

/** Says what is wrong with a rule's id, or undefined. */
export function ruleIdProblem(id: string): string | undefined {
  if (tagProblem(id) !== undefined) {
    return `a rule's id is 1 to ${NAME_CHARS_MAX} of a-z 0-9 . _ - and starts with a letter or digit, not ${quote(id)}`
  }
  if (id === DEFAULT_ID) return `the id "${DEFAULT_ID}" is reserved: it means that no rule matched`
  return undefined
}

/** Says why these two don't go together, or undefined. */
export function repliesProblem(action: Action, replies: boolean): string | undefined {
  if (!replies || action === 'accept') return undefined
  return `replies goes with accept only: a rule that says ${action} lets nothing through to reply to`
}

/** Says what is wrong with a rule's comment, or undefined. */
export function commentProblem(comment: string): string | undefined {
  if (comment.length > COMMENT_CHARS_MAX) {
    return `a comment has at most ${COMMENT_CHARS_MAX} characters, not ${comment.length}`
  }
  if (unprintablePattern.test(comment)) {
    return `a comment is one line without control characters, not ${quote(comment)}`
  }
  if (comment !== comment.trim()) {
    return `a comment starts and ends with something to see, not with a space: ${quote(comment)}`
  }
  return undefined
}
