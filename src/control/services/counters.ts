import type { Hypervisor } from '../../hypervisor/hypervisor.js'
import type { RuleCounters } from '../../store/counter-store.js'
import type { Store } from '../../store/store.js'
import type { Log } from './log.js'

/** Carries the rules' counters over a restart. */
export class CounterService {
  readonly #store: Store
  readonly #hypervisor: Hypervisor
  readonly #log: Log | undefined
  /** What is stored, so that only what has changed is written. */
  readonly #stored = new Map<string, { readonly hits: number; readonly bytes: number }>()
  #hasFailed = false

  constructor(store: Store, hypervisor: Hypervisor, log: Log | undefined) {
    this.#store = store
    this.#hypervisor = hypervisor
    this.#log = log
  }

  /**
   * Sets the counters to what they stood at when they were saved: once, before the hypervisor
   * decides anything.
   */
  restore(): void {
    for (const { id, hits, bytes, lastHit } of this.#store.counters.load()) {
      const counter = this.#hypervisor.ruleCounter(id)
      counter.hits = hits
      counter.bytes = bytes
      counter.lastHit = lastHit ?? 0
      this.#stored.set(id, { hits, bytes })
    }
  }

  /**
   * Saves what the counters stand at: now and then, and when the daemon closes. A store that fails
   * does not stop the daemon: it is logged once, and the next call tries again.
   * @returns false when it failed.
   */
  save(): boolean {
    const changed = this.#changed()
    if (changed.length === 0) return true
    try {
      this.#store.counters.save(changed)
    } catch (error) {
      if (!this.#hasFailed) this.#log?.error({ err: error }, 'the counters could not be saved')
      this.#hasFailed = true
      return false
    }
    this.#hasFailed = false
    for (const { id, hits, bytes } of changed) this.#stored.set(id, { hits, bytes })
    return true
  }

  #changed(): RuleCounters[] {
    const counters = this.#hypervisor.ruleCounters
    for (const id of this.#stored.keys()) if (!counters.has(id)) this.#stored.delete(id)
    const changed: RuleCounters[] = []
    for (const [id, { hits, bytes, lastHit }] of counters) {
      const stored = this.#stored.get(id)
      if (hits === (stored?.hits ?? 0) && bytes === (stored?.bytes ?? 0)) continue
      changed.push({ id, hits, bytes, lastHit: lastHit === 0 ? undefined : lastHit })
    }
    return changed
  }
}
