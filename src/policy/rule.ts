import { quote, tagProblem, type MessageType } from '../abi/addr.js'
import { MESSAGE_BYTES_MAX, NAME_CHARS_MAX } from '../abi/limits.js'
import type { Place } from './policy.js'
import { EVERYWHERE, type Scope } from './scope.js'
import { isExpired, matchesEnd, type Selector } from './selector.js'
import type { Subject } from './subject.js'
import { TIME_MS_MAX } from './time-text.js'
import type { Tuple } from './tuple.js'

/**
 * What a rule does with a datagram: deliver it, refuse it and say so, swallow it silently, deliver
 * it but say who would not have, or hold it until an operator grants it.
 */
export const ACTIONS = ['accept', 'reject', 'drop', 'audit', 'ask'] as const
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
  /** Bytes of payload; a larger datagram is refused with EMSGSIZE by this rule. */
  readonly maxBytes?: number | undefined
  /** How fast datagrams may come, over all flows of the rule. */
  readonly rate?: Rate | undefined
  /** Datagrams that may come at once; what `defaultBurst` says when missing. */
  readonly burst?: number | undefined
  /** How fast datagrams may come in each flow: from one address to one other. */
  readonly flowRate?: Rate | undefined
  readonly flowBurst?: number | undefined
  /** How many bytes of payload it lets through, over all its flows, in each hour or day. */
  readonly quota?: Quota | undefined
  /** What the flow log keeps; what the daemon is set to when missing. */
  readonly log?: LogMode | undefined
  /** Milliseconds since the epoch; from then on the rule matches nothing. */
  readonly expires?: number | undefined
  /** Where it stands, when it came from a document. It is no part of what the rule says. */
  readonly place?: Place | undefined
}

/** What a rule says, without the name it goes by. */
export type RuleBody = Omit<Rule, 'id' | 'place'>

/** Datagrams in a second, a minute or an hour. */
export interface Rate {
  readonly count: number
  readonly perSeconds: 1 | 60 | 3600
}

/** Bytes of payload in an hour or a day. */
export interface Quota {
  readonly bytes: number
  readonly perSeconds: 3600 | 86400
}

/** Which flows of a rule are logged: none, refused ones, all, or all refused and 1 of n others. */
export type LogMode = 'none' | 'deny' | 'all' | { readonly sample: number }

/** A rule's comment, in UTF-16 units. */
export const COMMENT_CHARS_MAX = 500
/** Datagrams in a rate or a burst, and the n of `sample:n`. */
export const RATE_COUNT_MAX = 1_000_000_000
/** Bytes of a quota: 1 PiB, which the counter of a rule can hold exactly. */
export const QUOTA_BYTES_MAX = 2 ** 50
/** Stands in logs and counters for "no rule matched", so no rule can be called that. */
export const DEFAULT_ID = 'default'

/** What the fields of a rule are called in documents and on a line. */
export const RULE_WORDS = {
  type: 'type',
  replies: 'replies',
  maxBytes: 'max_bytes',
  rate: 'rate',
  burst: 'burst',
  flowRate: 'flow_rate',
  flowBurst: 'flow_burst',
  quota: 'quota',
  log: 'log',
  expires: 'expires',
} as const

const LETTING = 'accept, audit or ask'
const BURSTS = [
  ['burst', 'rate'],
  ['flowBurst', 'flowRate'],
] as const

// Line breaks, terminal escapes and marks that turn the direction of writing would let a comment
// look like something else in a listing; halves of a surrogate pair can't be stored.
const unprintablePattern = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u

/** True when the rule speaks of this datagram. */
export function matches(rule: RuleBody, tuple: Tuple, scope: Scope = EVERYWHERE): boolean {
  const { source, sourcePort, destination, destinationPort } = tuple
  if (rule.type !== 'any' && rule.type !== tuple.type) return false
  if (isExpired(rule, scope.now)) return false
  return (
    matchesWay(rule, source, sourcePort, destination, destinationPort, scope) ||
    (rule.replies && matchesWay(rule, destination, destinationPort, source, sourcePort, scope))
  )
}

function matchesWay(
  rule: RuleBody,
  source: Subject,
  sourcePort: number,
  destination: Subject,
  destinationPort: number,
  scope: Scope,
): boolean {
  return (
    matchesEnd(rule.source, source, sourcePort, scope) &&
    matchesEnd(rule.destination, destination, destinationPort, scope)
  )
}

/** True when a rule of this action can let a datagram through. */
export function lets(action: Action): boolean {
  return action === 'accept' || action === 'audit' || action === 'ask'
}

/** True when a rule that lets datagrams through does not let all of them. */
export function hasLimits({ maxBytes, rate, flowRate, quota }: RuleBody): boolean {
  return (
    maxBytes !== undefined || rate !== undefined || flowRate !== undefined || quota !== undefined
  )
}

/**
 * The largest payload that a rule can ever let through, in bytes: what its max_bytes and all of its
 * quota leave room for. Infinity without either.
 */
export function payloadBytesMaxOf({ maxBytes = Infinity, quota }: RuleBody): number {
  return Math.min(maxBytes, quota?.bytes ?? Infinity)
}

/** Datagrams that may come at once under a rate: those of one second, and at least one. */
export function defaultBurst(rate: Rate): number {
  return Math.max(1, Math.ceil(rate.count / rate.perSeconds))
}

/** Says what is wrong with a rule whose fields have the right types, or undefined. */
export function ruleProblem(rule: Rule): string | undefined {
  return ruleIdProblem(rule.id) ?? fieldProblem(rule)?.message ?? commentProblem(rule.comment)
}

/** A field of a rule, besides its sides, and why it can't be there or be what it is. */
export interface FieldProblem {
  readonly field:
    | 'replies'
    | 'maxBytes'
    | 'rate'
    | 'burst'
    | 'flowRate'
    | 'flowBurst'
    | 'quota'
    | 'log'
    | 'expires'
  readonly message: string
}

/** The first of a rule's fields that does not fit the others or its range, or undefined. */
export function fieldProblem(rule: RuleBody): FieldProblem | undefined {
  const { action, replies, maxBytes, rate, burst, flowRate, flowBurst, quota, log, expires } = rule
  const limits = { maxBytes, rate, burst, flowRate, flowBurst, quota }
  if (replies) {
    const message = repliesProblem(action, replies)
    if (message !== undefined) return { field: 'replies', message }
  }
  if (!lets(action)) {
    for (const [field, value] of Object.entries(limits)) {
      if (value === undefined) continue
      const message = `${RULE_WORDS[field as keyof typeof limits]} goes with ${LETTING}: a rule that says ${action} lets nothing through to limit`
      return { field: field as keyof typeof limits, message }
    }
  }
  if (maxBytes !== undefined && !isWithin(maxBytes, 0, MESSAGE_BYTES_MAX)) {
    const message = `max_bytes is a whole number from 0 to ${MESSAGE_BYTES_MAX}, not ${maxBytes}`
    return { field: 'maxBytes', message }
  }
  for (const field of ['rate', 'flowRate'] as const) {
    const message = rateProblem(rule[field], RULE_WORDS[field])
    if (message !== undefined) return { field, message }
  }
  for (const [field, rateField] of BURSTS) {
    const value = rule[field]
    if (value === undefined) continue
    if (rule[rateField] === undefined) {
      const message = `${RULE_WORDS[field]} goes with ${RULE_WORDS[rateField]}: add it, such as 10/s`
      return { field, message }
    }
    if (!isWithin(value, 1, RATE_COUNT_MAX)) {
      const message = `${RULE_WORDS[field]} is a whole number from 1 to ${RATE_COUNT_MAX}, not ${value}`
      return { field, message }
    }
  }
  if (quota !== undefined && !isWithin(quota.bytes, 1, QUOTA_BYTES_MAX)) {
    const message = `quota is 1 to ${QUOTA_BYTES_MAX} bytes in an hour or a day, not ${quota.bytes}`
    return { field: 'quota', message }
  }
  if (typeof log === 'object' && !isWithin(log.sample, 1, RATE_COUNT_MAX)) {
    const message = `the n of sample:n is a whole number from 1 to ${RATE_COUNT_MAX}, not ${log.sample}`
    return { field: 'log', message }
  }
  if (expires !== undefined && !isWithin(expires, 0, TIME_MS_MAX)) {
    return { field: 'expires', message: `expires is a time from 1970 to 9999, not ${expires} ms` }
  }
  return undefined
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
  if (!replies || lets(action)) return undefined
  return `replies goes with ${LETTING}: a rule that says ${action} lets nothing through to reply to`
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

function rateProblem(rate: Rate | undefined, word: string): string | undefined {
  if (rate === undefined) return undefined
  if (isWithin(rate.count, 1, RATE_COUNT_MAX)) return undefined
  return `${word} is 1 to ${RATE_COUNT_MAX} datagrams in a second, minute or hour, not ${rate.count}`
}

function isWithin(value: number, min: number, max: number): boolean {
  return Number.isInteger(value) && min <= value && value <= max
}
