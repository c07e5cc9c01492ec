import { defaultBurst, type Rate } from '../policy/rule.js'

/** A token is so many units of its bucket's level for each second of the rate's time. */
const UNITS_PER_SECOND = 1_000

/**
 * Says how many may pass at a rate: `burst` at once, and `count` in `perSeconds` after that. In any
 * time of t ms at most `burst + t * count / (1000 * perSeconds)` are taken.
 *
 * Exact: the level is kept in units so small that each millisecond adds `count` of them, and the
 * largest level, 10^9 tokens of an hour's rate, is a safe integer. A clock that is set back costs
 * or gives nothing; one that is set forward gives a full bucket at most.
 */
export class TokenBucket {
  #rate: Rate
  #burst: number
  /** Units that one token takes. */
  #tokenUnits: number
  #level: number
  #at: number

  /**
   * A full bucket.
   * @param burst tokens it holds at most; those of a second unless told.
   * @param now whole milliseconds of any clock that goes forward.
   */
  constructor(rate: Rate, burst: number | undefined, now: number) {
    this.#rate = rate
    this.#burst = burst ?? defaultBurst(rate)
    this.#tokenUnits = rate.perSeconds * UNITS_PER_SECOND
    this.#level = this.#burst * this.#tokenUnits
    this.#at = now
  }

  /** Whole tokens there are now. */
  tokens(now: number): number {
    this.#refill(now)
    return Math.floor(this.#level / this.#tokenUnits)
  }

  /** True when nothing would be lost by making it anew. */
  isFull(now: number): boolean {
    this.#refill(now)
    return this.#level === this.#burst * this.#tokenUnits
  }

  /** Takes tokens of which there are as many. */
  take(tokens: number): void {
    this.#level -= tokens * this.#tokenUnits
  }

  /**
   * Milliseconds until there is a token, and where tokens come fast, until there are as many as
   * come in `gatherMs`: who waits for them need not come for each alone.
   */
  msUntilWorthwhile(gatherMs: number, now: number): number {
    this.#refill(now)
    const gathered = Math.floor((gatherMs * this.#rate.count) / this.#tokenUnits)
    const tokens = Math.min(this.#burst, Math.max(1, gathered))
    return Math.max(0, Math.ceil((tokens * this.#tokenUnits - this.#level) / this.#rate.count))
  }

  /**
   * Goes on at another rate with the tokens there are, as far as the new bucket holds them, and
   * with what had come of the next one: however often it is changed, tokens come.
   */
  change(rate: Rate, burst: number | undefined, now: number): void {
    const tokens = this.tokens(now)
    const before = this.#tokenUnits
    const part = this.#level % before
    this.#rate = rate
    this.#burst = burst ?? defaultBurst(rate)
    this.#tokenUnits = rate.perSeconds * UNITS_PER_SECOND
    const level = tokens * this.#tokenUnits + Math.floor((part * this.#tokenUnits) / before)
    this.#level = Math.min(level, this.#burst * this.#tokenUnits)
  }

  #refill(now: number): void {
    const elapsed = now - this.#at
    this.#at = now
    if (elapsed <= 0) return
    this.#level = Math.min(this.#burst * this.#tokenUnits, this.#level + elapsed * this.#rate.count)
  }
}
