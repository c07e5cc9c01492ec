import type { MessageType } from '../abi/addr.js'
import type { Action, Rule } from './rule.js'
import type { NameSelector, TagSelector } from './selector.js'

/** Where in a document something stands. */
export interface Place {
  readonly file: string
  /** Counted from 1. */
  readonly line: number
}

/** Whom an element of a set means, on which ports, and until when. */
export type SetElement = (NameSelector | TagSelector) & {
  /** Milliseconds since the epoch; for good when missing. */
  readonly expires?: number | undefined
}

/** Domains under one name, for rules that say `@name:port`. */
export interface PolicySet {
  readonly name: string
  readonly elements: readonly SetElement[]
  readonly place?: Place | undefined
}

/** A tag that the policy gives to domains, besides those they have. */
export interface PolicyTag {
  readonly tag: string
  /** Names of domains, whether there are such domains or not. */
  readonly domains: readonly string[]
  readonly place?: Place | undefined
}

/**
 * One end of a test's datagram: a domain by its name, with the tags the policy gives it, or some
 * domain of which nothing is known but that it has this tag.
 */
export type TestEnd =
  | { readonly kind: 'name'; readonly name: string; readonly port: number }
  | { readonly kind: 'tag'; readonly tag: string; readonly port: number }

/** A datagram and what has to become of it. */
export interface PolicyTest {
  readonly from: TestEnd
  readonly to: TestEnd
  readonly expect: Action
  /** dgram when missing. */
  readonly type?: MessageType | undefined
  /** Bytes of payload; 0 when missing. One above a rule's maxBytes counts as rejected. */
  readonly bytes?: number | undefined
  /** The id of the rule that has to decide, or `default`; any when missing. */
  readonly rule?: string | undefined
  readonly place?: Place | undefined
}

/** Everything that policy documents say. */
export interface Policy {
  /** In the order in which they are asked; each may know its place. */
  readonly rules: readonly Rule[]
  readonly sets: readonly PolicySet[]
  readonly tags: readonly PolicyTag[]
  readonly tests: readonly PolicyTest[]
}
