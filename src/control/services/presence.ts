import type { DomainId } from '../../abi/addr.js'
import type { Domain } from '../../hypervisor/domain.js'
import type { Hypervisor } from '../../hypervisor/hypervisor.js'
import type { Store } from '../../store/store.js'
import type { Clock } from '../../util/clock.js'
import type { Log } from './log.js'
import { nextTurn } from './next-turn.js'

/** While a domain is attached, what a crash loses of when it was seen is no more than this. */
const ATTACHED_INTERVAL_MS = 60_000
/** Domains that are looked at, and rows that are written, before others get their turn. */
const LOOKS_PER_STEP = 500
const ROWS_PER_STEP = 100

/** When domains were last seen, kept over restarts. */
export class Presence {
  readonly #store: Store
  readonly #hypervisor: Hypervisor
  readonly #clock: Clock
  readonly #log: Log | undefined
  /** What is stored, so that only what has changed is written. */
  readonly #stored = new WeakMap<Domain, number>()
  #hasFailed = false
  #isSaving = false

  constructor(store: Store, hypervisor: Hypervisor, clock: Clock, log: Log | undefined) {
    this.#store = store
    this.#hypervisor = hypervisor
    this.#clock = clock
    this.#log = log
  }

  /** Takes over what was known before a restart: once, before anybody attaches. */
  restore(): void {
    for (const [id, at] of this.#store.domains.lastSeen()) {
      const domain = this.#hypervisor.domain(id as DomainId)
      if (domain === undefined) continue
      domain.lastSeenAt = at
      this.#stored.set(domain, at)
    }
  }

  /** When a domain was last seen, which is now while it is attached; undefined for never. */
  lastSeen(domain: Domain): number | undefined {
    if (domain.sessions.size > 0) return this.#clock.now()
    return domain.lastSeenAt === 0 ? undefined : domain.lastSeenAt
  }

  /**
   * Saves what has changed: now and then. Others get their turn between the parts of it. A store
   * that fails does not stop the daemon: it is logged once, and the next call tries again.
   */
  async save(): Promise<void> {
    if (this.#isSaving) return
    this.#isSaving = true
    try {
      for (const isSaved of this.#steps(ATTACHED_INTERVAL_MS)) {
        if (!isSaved) return
        await nextTurn()
      }
    } finally {
      this.#isSaving = false
    }
  }

  /** Saves all that has changed at once: when the daemon closes. */
  saveNow(): void {
    for (const isSaved of this.#steps(0)) if (!isSaved) return
  }

  *#steps(intervalMs: number): Generator<boolean, void, undefined> {
    let changed: [Domain, number][] = []
    let looks = 0
    for (const domain of this.#hypervisor.domains()) {
      if (++looks % LOOKS_PER_STEP === 0) yield true
      const at = this.lastSeen(domain)
      if (at === undefined) continue
      const stored = this.#stored.get(domain) ?? 0
      if (domain.sessions.size > 0 ? at - stored < intervalMs : at === stored) continue
      changed.push([domain, at])
      if (changed.length < ROWS_PER_STEP) continue
      yield this.#write(changed)
      changed = []
    }
    if (changed.length > 0) yield this.#write(changed)
  }

  #write(changed: readonly (readonly [Domain, number])[]): boolean {
    try {
      this.#store.domains.saw(changed.map(([{ id }, at]) => [id, at]))
    } catch (error) {
      if (!this.#hasFailed) {
        this.#log?.error({ err: error }, 'when domains were last seen could not be saved')
      }
      this.#hasFailed = true
      return false
    }
    this.#hasFailed = false
    for (const [domain, at] of changed) this.#stored.set(domain, at)
    return true
  }
}
