import type { Quota } from '../policy/rule.js'
import type { Clock } from '../util/clock.js'
import type { RuleCounter } from './policy-gate.js'

/**
 * How much of a rule's quota is left. What is used is kept in the rule's counter, so it outlives
 * changes of the table and restarts, and a counter that is zeroed gives all of the quota back.
 *
 * An hour or a day begins with the first datagram after the last one was over, so in each of them
 * the rule lets through no more than its quota; in any stretch of time as long, twice that at most.
 * A clock that is set back begins the time again with what is used: nobody gets more by it.
 */
export class QuotaMeter {
  readonly #quota: Quota
  readonly #counter: RuleCounter
  readonly #clock: Clock

  constructor(quota: Quota, counter: RuleCounter, clock: Clock) {
    this.#quota = quota
    this.#counter = counter
    this.#clock = clock
  }

  /** Bytes of payload that are left. */
  room(): number {
    const counter = this.#counter
    const now = this.#clock.now()
    if (now < counter.quotaSince) counter.quotaSince = now
    counter.quotaUsed = quotaUse(this.#quota, counter, now).used
    return Math.max(0, this.#quota.bytes - counter.quotaUsed)
  }

  /** Takes bytes, after `room` was asked. */
  take(bytes: number): void {
    const counter = this.#counter
    if (counter.quotaUsed === 0) counter.quotaSince = this.#clock.now()
    counter.quotaUsed += bytes
  }

  /**
   * Milliseconds until a datagram has room.
   * @param payloadBytes no more than the quota.
   */
  msUntilRoomFor(payloadBytes: number): number {
    if (isWithinQuota(payloadBytes, this.room())) return 0
    const now = this.#clock.now()
    return quotaUse(this.#quota, this.#counter, now).endsAt - now
  }
}

/**
 * What is used of a quota.
 * @param now milliseconds since the epoch.
 * @returns bytes, and when they are given back in milliseconds since the epoch.
 */
export function quotaUse(
  { perSeconds }: Quota,
  { quotaUsed, quotaSince }: Pick<RuleCounter, 'quotaUsed' | 'quotaSince'>,
  now: number,
): { readonly used: number; readonly endsAt: number } {
  const endsAt = quotaSince + perSeconds * 1_000
  return { used: now < endsAt ? quotaUsed : 0, endsAt }
}

/** True when a datagram fits into what is left of a quota. When nothing is left, none does. */
export function isWithinQuota(payloadBytes: number, roomBytes: number): boolean {
  return Math.max(1, payloadBytes) <= roomBytes
}
