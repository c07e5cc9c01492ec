import type { Domain } from '../../hypervisor/domain.js'
import type { Hypervisor } from '../../hypervisor/hypervisor.js'
import { noneUndelivered } from '../../hypervisor/undelivered.js'
import type { Domain as StoredDomain } from '../../store/domain-store.js'
import { unknownDomain } from '../../store/domain-store.js'
import { refuse, type Refusal } from '../../store/refusal.js'
import type { Store } from '../../store/store.js'
import { assert } from '../../util/assert.js'
import type { DomainAdd, DomainCounts, DomainPatch, DomainView } from '../schemas/domain.js'
import type { Cause } from './cause.js'
import type { Changes } from './changes.js'
import { undeliveredView } from './live.js'
import type { Log } from './log.js'
import type { Presence } from './presence.js'

/** Domains that are looked at before others get their turn. */
const DOMAINS_PER_PAGE = 50

/** Is told the name of a domain that came or went; the answer to the admin waits for it. */
export type DomainHook = (name: string) => void | Promise<void>

export interface DomainHooks {
  readonly onDomainAdded?: DomainHook | undefined
  readonly onDomainRemoved?: DomainHook | undefined
  /** Is told the name of a domain that came, went, or has other tags. */
  readonly onDomainChanged?: ((name: string) => void) | undefined
  readonly log?: Log | undefined
}

export interface DomainDone {
  readonly ok: true
  readonly domain: StoredDomain
}

/** The domains that may attach. */
export class DomainService {
  readonly #store: Store
  readonly #hypervisor: Hypervisor
  readonly #changes: Changes
  readonly #presence: Presence
  readonly #hooks: DomainHooks

  constructor(
    store: Store,
    hypervisor: Hypervisor,
    changes: Changes,
    presence: Presence,
    hooks: DomainHooks,
  ) {
    this.#store = store
    this.#hypervisor = hypervisor
    this.#changes = changes
    this.#presence = presence
    this.#hooks = hooks
  }

  /** All domains in the order of their names, some at a time, as they are when it comes to them. */
  *pages(): Generator<DomainView[]> {
    for (let after = ''; ;) {
      const page = this.#store.domains.page(after, DOMAINS_PER_PAGE)
      if (page.length > 0) yield page.map(domain => this.view(domain))
      if (page.length < DOMAINS_PER_PAGE) return
      after = page.at(-1)!.name
    }
  }

  /** One domain; ENOENT for an unknown name. */
  get(name: string): DomainDone | Refusal<'ENOENT'> {
    const domain = this.#store.domains.get(name)
    return domain === undefined ? unknownDomain(name) : { ok: true, domain }
  }

  /** Adds a domain. The hypervisor has it when this returns; the promise is the hook's. */
  async add(
    { name, tags = [] }: DomainAdd,
    cause: Cause,
  ): Promise<DomainDone | Refusal<'EINVAL' | 'EEXIST' | 'ENOSPC'>> {
    const outcome = this.#changes.make(
      cause,
      () => this.#store.domains.add(name, tags),
      ({ domain }) => ({
        action: 'domain.add',
        target: domain.name,
        detail: { id: domain.id, tags: domain.tags },
      }),
      ({ domain }) => {
        this.#hypervisor.createDomain(domain.id, domain.name, domain.tags)
        this.#hooks.onDomainChanged?.(domain.name)
      },
    )
    if (outcome.ok) await this.#tell(this.#hooks.onDomainAdded, outcome.domain.name)
    return outcome
  }

  /** Changes a domain's tags, or whether it is enabled; one that is not loses its sessions. */
  patch(
    name: string,
    { tags, enabled }: DomainPatch,
    cause: Cause,
  ): DomainDone | Refusal<'ENOENT' | 'EINVAL' | 'ENOSPC'> {
    if (tags === undefined && enabled === undefined) {
      return refuse('EINVAL', 'the body names nothing to change: give tags or enabled')
    }
    return this.#changes.make(
      cause,
      () => this.#store.domains.patch(name, { tags, enabled }),
      ({ domain }) => ({
        action: 'domain.patch',
        target: name,
        detail: { tags: domain.tags, enabled: domain.enabled },
      }),
      ({ domain }) => {
        const live = this.#live(domain)
        if (tags !== undefined) {
          this.#hypervisor.setTags(live, domain.tags)
          this.#hooks.onDomainChanged?.(name)
        }
        if (!domain.enabled) {
          this.#hypervisor.kick(live, 'quarantine', `the domain "${name}" is not enabled`)
        }
      },
    )
  }

  /** Removes a domain with its tokens, sessions and rings. Rules that name it stay. */
  async remove(name: string, cause: Cause): Promise<DomainDone | Refusal<'ENOENT'>> {
    const outcome = this.#changes.make(
      cause,
      () => this.#store.domains.remove(name),
      ({ domain }) => ({ action: 'domain.remove', target: name, detail: { id: domain.id } }),
      ({ domain }) => {
        this.#hypervisor.destroyDomain(this.#live(domain))
        this.#hooks.onDomainChanged?.(name)
      },
    )
    if (outcome.ok) await this.#tell(this.#hooks.onDomainRemoved, outcome.domain.name)
    return outcome
  }

  /** Ends all sessions of a domain; its clients may come back. */
  kick(
    name: string,
    cause: Cause,
  ): (DomainDone & { readonly sessions: number }) | Refusal<'ENOENT'> {
    let sessions = 0
    const outcome = this.#changes.make(
      cause,
      () => this.get(name),
      ({ domain }) => ({
        action: 'domain.kick',
        target: name,
        detail: { sessions: this.#live(domain).sessions.size },
      }),
      ({ domain }) => {
        const why = cause.reason === '' ? '' : `: ${cause.reason}`
        const live = this.#live(domain)
        sessions = this.#hypervisor.kick(live, 'kicked', `an admin ended the session${why}`)
      },
    )
    return outcome.ok ? { ...outcome, sessions } : outcome
  }

  /** A domain as REST shows it. */
  view(domain: StoredDomain): DomainView {
    const live = this.#hypervisor.domain(domain.id)
    const { from, to } = live?.undelivered ?? noneUndelivered()
    let ringBytesUsed = 0
    for (const ring of live?.rings.values() ?? []) ringBytesUsed += ring.buffer.usedBytes
    return {
      ...domain,
      tags: [...domain.tags],
      lastSeenAt: (live && this.#presence.lastSeen(live)) ?? null,
      sessions: live?.sessions.size ?? 0,
      rings: live?.rings.size ?? 0,
      ringBytes: live?.ringBytes ?? 0,
      ringBytesUsed,
      undelivered: { from: undeliveredView(from), to: undeliveredView(to) },
      counters: { ...(live?.counters ?? noCounts) },
    }
  }

  #live(domain: StoredDomain): Domain {
    const live = this.#hypervisor.domain(domain.id)
    assert(live !== undefined, 'the hypervisor has every domain that is stored')
    return live
  }

  async #tell(hook: DomainHook | undefined, name: string): Promise<void> {
    try {
      await hook?.(name)
    } catch (error) {
      this.#hooks.log?.error(
        { err: error, domain: name },
        'a change of domains was made, but what had to follow it failed',
      )
    }
  }
}

const noCounts: DomainCounts = {
  datagramsSent: 0,
  bytesSent: 0,
  datagramsReceived: 0,
  bytesReceived: 0,
  datagramsRefused: 0,
  datagramsDropped: 0,
}
