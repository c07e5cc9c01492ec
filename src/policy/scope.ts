import type { PolicySet, PolicyTag } from './policy.js'

/** What a rule's words mean: who is in a set, whom the policy gives a tag, what time it is. */
export interface Scope {
  readonly sets: readonly PolicySet[]
  readonly tags: readonly PolicyTag[]
  /** Milliseconds since the epoch: what expires then or before has expired. */
  readonly now: number
}

/** A scope without sets, without tags but those that domains have, in which nothing expires. */
export const EVERYWHERE: Scope = { sets: [], tags: [], now: -Infinity }
