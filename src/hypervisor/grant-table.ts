import type { Port } from '../abi/addr.js'
import { flowKey, type AskedFlow, type AskSetting } from './asked-flow.js'
import type { Domain } from './domain.js'
import { refusal, type Refusal } from './outcome.js'
import type { Session } from './session.js'
import type { Target } from './target.js'

/** A flow that an operator has admitted for some time. */
export interface Grant {
  readonly id: number
  readonly flow: AskedFlow
  readonly by: string
  /** Milliseconds since the epoch. */
  readonly since: number
  readonly expires: number
  /** Datagrams it has let through, those that then found no room included. */
  readonly datagrams: number
}

/** A grant holds for no longer than this. */
export const GRANT_MS_MAX = 30 * 24 * 60 * 60 * 1_000

interface Entry {
  readonly id: number
  readonly key: string
  readonly flow: AskedFlow
  readonly source: Domain
  readonly by: string
  readonly since: number
  readonly expires: number
  /** Steady time at which it is over. */
  readonly until: number
  datagrams: number
  /** Who was refused before and has not come back: what is under way of them must not overtake. */
  readonly blocked: Set<Session>
}

/** The flows that were admitted by an operator, each until its time is over. */
export class GrantTable {
  readonly #setting: AskSetting
  readonly #entries = new Map<string, Entry>()

  constructor(setting: AskSetting) {
    this.#setting = setting
  }

  /** What was admitted, the oldest first. */
  list(): Grant[] {
    return [...this.#entries.values()].map(({ id, flow, by, since, expires, datagrams }) => ({
      id,
      flow,
      by,
      since,
      expires,
      datagrams,
    }))
  }

  /** True when datagrams of this flow would be let through: nobody is asked. */
  has(source: Domain, sourcePort: Port, target: Target, port: Port, type: number): boolean {
    return this.#entryOf(source, sourcePort, target, port, type) !== undefined
  }

  /**
   * What is to be done with datagrams of a flow.
   * @param retry the session sends what was refused before.
   * @returns wait for what must not overtake what was refused before; undefined without a grant.
   */
  answer(
    session: Session,
    sourcePort: Port,
    target: Target,
    port: Port,
    type: number,
    datagrams: number,
    retry: boolean,
  ): 'granted' | 'wait' | undefined {
    const entry = this.#entryOf(session.domain, sourcePort, target, port, type)
    if (entry === undefined) return undefined
    if (entry.blocked.size > 0 && entry.blocked.has(session)) {
      if (!retry) return 'wait'
      entry.blocked.delete(session)
    }
    entry.datagrams += datagrams
    return 'granted'
  }

  /**
   * Admits a flow, in place of a grant for the same one.
   * @param since milliseconds since the epoch.
   * @param forMs milliseconds, 1 to GRANT_MS_MAX.
   * @param blocked who has to send first what was refused before.
   * @returns ENOSPC at the limit of grants.
   */
  add(
    source: Domain,
    { id, flow, by, since }: Pick<Grant, 'id' | 'flow' | 'by' | 'since'>,
    forMs: number,
    blocked: Set<Session>,
  ): { readonly ok: true; readonly grant: Grant } | Refusal {
    const key = flowKey(source, flow)
    const { grantsMax } = this.#setting.limits
    if (!this.#entries.has(key) && this.#entries.size >= grantsMax) {
      return refusal('ENOSPC', `${grantsMax} grants are in force, which is the limit: revoke one`)
    }
    const until = this.#setting.now() + forMs
    const expires = since + forMs
    const grant = { id, key, flow, source, by, since, expires, until, datagrams: 0, blocked }
    this.#entries.set(key, grant)
    this.#setting.onDue(until)
    this.#setting.onChange()
    return { ok: true, grant }
  }

  /**
   * Puts a grant back in force that held before the daemon was started anew, for what is left of
   * its time: no longer than it was given for, also when the clock was set back since.
   * @returns false when nothing is left, or at the limit of grants.
   */
  restore(source: Domain, { id, flow, by, since, expires }: Omit<Grant, 'datagrams'>): boolean {
    const left = Math.min(expires - this.#setting.clock.now(), expires - since)
    if (left <= 0 || this.#entries.size >= this.#setting.limits.grantsMax) return false
    const key = flowKey(source, flow)
    const until = this.#setting.now() + left
    const kept = { id, key, flow, source, by, since, expires, until, datagrams: 0 }
    this.#entries.set(key, { ...kept, blocked: new Set() })
    this.#setting.onDue(until)
    this.#setting.onChange()
    return true
  }

  /** Takes a grant back; what comes from now on is asked about again. */
  revoke(id: number): { readonly ok: true; readonly grant: Grant } | Refusal {
    for (const grant of this.#entries.values()) {
      if (grant.id !== id) continue
      this.#remove(grant)
      return { ok: true, grant }
    }
    return refusal('ENOENT', `there is no grant ${id}`)
  }

  /** Forgets the grants of a domain that is destroyed, and those for it. */
  dropDomain(domain: Domain): void {
    for (const entry of [...this.#entries.values()]) {
      if (entry.source === domain || entry.flow.destination === domain.name) this.#remove(entry)
    }
  }

  /** Forgets a session that ends. */
  forget(session: Session): void {
    for (const { blocked } of this.#entries.values()) blocked.delete(session)
  }

  /**
   * Forgets what is over.
   * @returns when there is something to do again, in steady milliseconds, or Infinity.
   */
  tick(): number {
    const now = this.#setting.now()
    let next = Infinity
    for (const entry of [...this.#entries.values()]) {
      if (entry.until <= now) this.#remove(entry)
      else next = Math.min(next, entry.until)
    }
    return next
  }

  #entryOf(
    source: Domain,
    sourcePort: Port,
    { name: destination }: Target,
    port: Port,
    type: number,
  ): Entry | undefined {
    if (this.#entries.size === 0) return undefined
    const flow = { destination, port, type }
    const now = this.#setting.now()
    for (const from of [sourcePort, undefined]) {
      const entry = this.#entries.get(flowKey(source, { ...flow, sourcePort: from }))
      if (entry !== undefined && entry.until > now) return entry
    }
    return undefined
  }

  #remove({ key }: Entry): void {
    this.#entries.delete(key)
    this.#setting.onChange()
  }
}
