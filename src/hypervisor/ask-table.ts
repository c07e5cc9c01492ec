import { PORT_EPHEMERAL_MAX, PORT_EPHEMERAL_MIN, parseDomainId, type Port } from '../abi/addr.js'
import type { Rule } from '../policy/rule.js'
import { flowKey, type AskedFlow, type AskSetting } from './asked-flow.js'
import type { Domain } from './domain.js'
import type { Party } from './event.js'
import { GrantTable, type Grant } from './grant-table.js'
import { refusal, type Refusal } from './outcome.js'
import type { Hold, Session } from './session.js'
import type { Target } from './target.js'

/** A flow that waits for an operator. */
export interface Ask {
  readonly id: number
  readonly flow: AskedFlow
  /** The rule that says so. */
  readonly rule: Rule
  /** Milliseconds since the epoch. */
  readonly since: number
  /** When it is denied unless somebody grants it; milliseconds since the epoch. */
  readonly deadline: number
  /** Datagrams that were refused so far because of it; many of them more than once. */
  readonly datagrams: number
}

/** What is to be done with datagrams of such a flow. */
export type AskAnswer =
  | 'granted'
  /** They wait at the sender, who is told when there is an answer. */
  | 'wait'
  /** The same, and an operator has not been asked about it before. */
  | 'new'
  | 'denied'

/** How long a denial holds: so that a sender that tries again when it is told learns of it. */
export const DENIAL_MS = 5_000
/** What a sender is told may come next when it has an answer: no word about the ring. */
const RETRY_BYTES = 4_096

interface Entry {
  readonly id: number
  readonly key: string
  readonly flow: AskedFlow
  readonly source: Domain
  readonly party: Party
  readonly rule: Rule
  readonly since: number
  readonly deadline: number
  datagrams: number
  isDenied: boolean
  /** Steady time at which it is denied, or forgotten. */
  until: number
  /** Who was refused and waits for the answer. */
  readonly sessions: Set<Session>
}

/**
 * The flows that wait for an operator, and the grants of those that got one. Nothing of a datagram
 * is kept: it waits at the sender, who is told to try again when there is an answer. So a flood of
 * questions costs a few entries of its domain and nothing of anybody else's.
 */
export class AskTable implements Hold {
  readonly grants: GrantTable
  readonly #setting: AskSetting
  readonly #entries = new Map<string, Entry>()
  readonly #entriesOf = new Map<Domain, number>()
  #lastId = 0

  constructor(setting: AskSetting) {
    this.#setting = setting
    this.grants = new GrantTable(setting)
  }

  /** Who waits, the longest first. */
  asks(): Ask[] {
    const asks: Ask[] = []
    for (const { id, flow, rule, since, deadline, datagrams, isDenied } of this.#entries.values()) {
      if (!isDenied) asks.push({ id, flow, rule, since, deadline, datagrams })
    }
    return asks
  }

  /**
   * What is to be done with datagrams of a flow, of which the policy says `ask`.
   * @param datagrams how many.
   * @param retry the session sends what was refused before.
   */
  answer(
    session: Session,
    sourcePort: Port,
    target: Target,
    port: Port,
    type: number,
    rule: Rule,
    datagrams: number,
    retry: boolean,
  ): AskAnswer {
    const source = session.domain
    const granted = this.grants.answer(session, sourcePort, target, port, type, datagrams, retry)
    if (granted !== undefined) return granted
    const shownPort = isEphemeral(sourcePort) ? undefined : sourcePort
    const { name: destination } = target
    const flow = { source: source.name, sourcePort: shownPort, destination, port, type }
    const key = flowKey(source, flow)
    const now = this.#setting.now()
    let entry = this.#entries.get(key)
    if (entry !== undefined && entry.until <= now) {
      this.#settle(entry, now)
      entry = this.#entries.get(key)
    }
    if (entry?.isDenied === true) return 'denied'
    const isNew = entry === undefined
    if (entry === undefined) {
      const { asksMax, asksPerDomainMax, askTimeoutMs } = this.#setting.limits
      const ofDomain = this.#entriesOf.get(source) ?? 0
      if (this.#entries.size >= asksMax || ofDomain >= asksPerDomainMax) return 'denied'
      const since = this.#setting.clock.now()
      entry = {
        id: ++this.#lastId,
        key,
        flow,
        source,
        party: target.domain?.party ?? { name: destination, id: parseDomainId(destination) ?? 0 },
        rule,
        since,
        deadline: since + askTimeoutMs,
        datagrams: 0,
        isDenied: false,
        until: now + askTimeoutMs,
        sessions: new Set(),
      }
      this.#entries.set(key, entry)
      this.#entriesOf.set(source, ofDomain + 1)
      this.#setting.onDue(entry.until)
      this.#setting.onChange()
    }
    entry.datagrams += datagrams
    entry.sessions.add(session)
    session.holds.add(this)
    return isNew ? 'new' : 'wait'
  }

  /**
   * Admits a flow that waits, for some time.
   * @param forMs milliseconds, 1 to GRANT_MS_MAX.
   * @param anyPort whatever port of its domain it comes from.
   * @param since what time it is, in milliseconds since the epoch.
   * @returns ENOENT when it does not wait (any more), ENOSPC at the limit of grants.
   */
  grant(
    id: number,
    forMs: number,
    anyPort: boolean,
    by: string,
    since: number = this.#setting.clock.now(),
  ): { readonly ok: true; readonly grant: Grant } | Refusal {
    const entry = this.#entry(id)
    if (entry === undefined) return refusal('ENOENT', `nothing waits under the number ${id}`)
    const { source } = entry
    const flow = anyPort ? { ...entry.flow, sourcePort: undefined } : entry.flow
    const key = flowKey(source, flow)
    const isCovered = ({ source: from, flow: other, isDenied }: Entry): boolean =>
      !isDenied && flowKey(from, { ...other, sourcePort: undefined }) === key
    const covered = [...this.#entries.values()].filter(other => other === entry || isCovered(other))
    const blocked = new Set(covered.flatMap(({ sessions }) => [...sessions]))
    const granted = this.grants.add(source, { id, flow, by, since }, forMs, blocked)
    if (!granted.ok) return granted
    for (const other of covered) {
      this.#remove(other)
      this.#wake(other)
    }
    return granted
  }

  /**
   * Puts a grant back in force that held before the daemon was started anew.
   * @param grant with an id of no other grant or ask.
   * @returns false when nothing is left of its time, or at the limit of grants.
   */
  restore(source: Domain, grant: Omit<Grant, 'datagrams'>): boolean {
    if (!this.grants.restore(source, grant)) return false
    this.#lastId = Math.max(this.#lastId, grant.id)
    return true
  }

  /** Denies a flow that waits. @returns ENOENT when it does not (any more). */
  deny(id: number): { readonly ok: true; readonly ask: Ask } | Refusal {
    const entry = this.#entry(id)
    if (entry === undefined) return refusal('ENOENT', `nothing waits under the number ${id}`)
    this.#deny(entry, this.#setting.now())
    return { ok: true, ask: entry }
  }

  /**
   * Calls those who wait for an answer that the policy does not ask for any more.
   * @param isAsked whether the policy still says `ask` of a flow, for which these sessions wait.
   */
  review(
    isAsked: (source: Domain, flow: AskedFlow, waiting: ReadonlySet<Session>) => boolean,
  ): void {
    for (const entry of [...this.#entries.values()]) {
      if (isAsked(entry.source, entry.flow, entry.sessions)) continue
      this.#remove(entry)
      this.#wake(entry)
      this.#setting.onChange()
    }
  }

  /** Forgets everything about a domain that is destroyed. */
  dropDomain(domain: Domain): void {
    for (const entry of [...this.#entries.values()]) {
      if (entry.source !== domain && entry.flow.destination !== domain.name) continue
      this.#remove(entry)
      this.#wake(entry)
      this.#setting.onChange()
    }
    this.grants.dropDomain(domain)
  }

  /** Forgets a session that ends; what it asked stays, for another session may come. */
  forget(session: Session): void {
    for (const { sessions } of this.#entries.values()) sessions.delete(session)
    this.grants.forget(session)
  }

  /**
   * Denies what has waited for too long, and forgets what is over.
   * @returns when there is something to do again, in steady milliseconds, or Infinity.
   */
  tick(): number {
    const now = this.#setting.now()
    for (const entry of [...this.#entries.values()]) {
      if (entry.until <= now) this.#settle(entry, now)
    }
    let next = this.grants.tick()
    for (const { until } of this.#entries.values()) next = Math.min(next, until)
    return next
  }

  #entry(id: number): Entry | undefined {
    for (const entry of this.#entries.values()) {
      if (entry.id === id && !entry.isDenied) return entry
    }
    return undefined
  }

  /** Does with an entry what is due. */
  #settle(entry: Entry, now: number): void {
    if (entry.isDenied) this.#remove(entry)
    else this.#deny(entry, now)
  }

  #deny(entry: Entry, now: number): void {
    entry.isDenied = true
    entry.until = now + DENIAL_MS
    this.#setting.onDue(entry.until)
    this.#wake(entry)
    this.#setting.onChange()
  }

  #wake({ sessions, party, flow }: Entry): void {
    for (const session of sessions) {
      session.sink.event({ kind: 'space', party, port: flow.port, spaceBytes: RETRY_BYTES })
    }
    sessions.clear()
  }

  #remove(entry: Entry): void {
    this.#entries.delete(entry.key)
    const left = this.#entriesOf.get(entry.source)! - 1
    if (left === 0) this.#entriesOf.delete(entry.source)
    else this.#entriesOf.set(entry.source, left)
  }
}

function isEphemeral(port: number): boolean {
  return PORT_EPHEMERAL_MIN <= port && port <= PORT_EPHEMERAL_MAX
}
