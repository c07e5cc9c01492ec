import { lets } from '../policy/rule.js'
import type { FlowRecord } from './event.js'

/** Keeps to what rules say about the flow log: all, nothing, only what is refused, 1 of n. */
export class LogFilter {
  /** Flows seen of each rule that wants a sample of them, by its id. */
  readonly #seen = new Map<string, number>()

  /** True when the record belongs into the flow log. */
  wants({ verdict: { rule, action }, code, effect }: FlowRecord): boolean {
    const log = rule?.log ?? 'all'
    if (log === 'all') return true
    if (log === 'none') return false
    if (code !== null || effect === 'limit' || !lets(action)) return true
    if (log === 'deny') return false
    const seen = this.#seen.get(rule!.id) ?? 0
    this.#seen.set(rule!.id, (seen + 1) % log.sample)
    return seen === 0
  }

  /** Begins to count anew: for another table. */
  reset(): void {
    this.#seen.clear()
  }
}
