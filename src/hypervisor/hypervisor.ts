import {
  PORT_EPHEMERAL_MIN,
  domainNameProblem,
  isDomainId,
  type DomainId,
  type Port,
} from '../abi/addr.js'
import type { EndReason } from '../abi/end-reason.js'
import type { FrameBytes } from '../abi/frame.js'
import { defaultLimits, type Limits } from '../abi/limits.js'
import type { PolicyTable } from '../policy/policy-table.js'
import { assert } from '../util/assert.js'
import type { Clock } from '../util/clock.js'
import { Admission } from './admission.js'
import { AskTable } from './ask-table.js'
import { Domain } from './domain.js'
import type { FlowRecord, SessionEvent, SessionSink } from './event.js'
import { Exchange } from './exchange.js'
import type { FlowMeter } from './flow-meter.js'
import { Notifier, type RingQuery, type RingStatus } from './notify.js'
import type {
  OpenOutcome,
  Refusal,
  RegisterOutcome,
  RunOutcome,
  SendOutcome,
  UnregisterOutcome,
} from './outcome.js'
import { PolicyGate, type RuleCounter } from './policy-gate.js'
import { QuotaMeter } from './quota-meter.js'
import { RateLimiter } from './rate-limiter.js'
import { concerned, RingRegistry, type RingRequest } from './ring-registry.js'
import { RingSpace } from './ring-space.js'
import type { Ring } from './ring.js'
import type { Run } from './run.js'
import { Session } from './session.js'
import { Settlement } from './settlement.js'
import { Target } from './target.js'

export interface HypervisorOptions {
  readonly policy: PolicyTable
  readonly clock: Clock
  readonly limits?: Partial<Limits>
  /** Decision ids count up from here, so that they differ from those before a restart. */
  readonly decisionIdBase?: number
  /** Told of every refusal and of every flow that is seen for the first time. */
  readonly onFlow?: (record: FlowRecord) => void
  /** Counts the datagrams of each flow; none to do without. */
  readonly meter?: FlowMeter
  /** Milliseconds that only go forward, for rates and waiting; the clock's unless given. */
  readonly steadyMs?: () => number
  /**
   * Told to call `tick` after so many milliseconds; what it was told before still holds. Without
   * it, whoever embeds this calls `tick` now and then.
   */
  readonly onDue?: (delayMs: number) => void
  /** Told when the list of asks or grants has changed. */
  readonly onAsksChange?: () => void
}

const noSession = { ok: false, code: 'ENOSPC' } as const

/**
 * Holds the rings of its domains and copies datagrams between them, as far as policy lets it.
 *
 * A machine, not a service: every operation is synchronous, takes values, and is done when it
 * returns. What others must hear of is left with their sinks. It opens nothing, waits for
 * nothing, and knows no time but its clock's, so it can be embedded, tested and replayed.
 */
export class Hypervisor {
  readonly limits: Limits
  readonly #gate: PolicyGate
  readonly #registry: RingRegistry
  readonly #space: RingSpace
  readonly #settlement: Settlement
  readonly #exchange: Exchange
  readonly #notifier: Notifier
  readonly #limiter: RateLimiter
  /** Flows that wait for an operator, and those that were admitted by one. */
  readonly asks: AskTable
  readonly #clock: Clock
  readonly #steadyMs: () => number
  readonly #onDue: (delayMs: number) => void
  #dueAt = Infinity
  readonly #domains = new Map<DomainId, Domain>()
  readonly #targets = new Map<string, Target>()
  readonly #sessions = new Map<number, Session>()
  #lastSessionId = 0

  constructor(options: HypervisorOptions) {
    this.limits = { ...defaultLimits, ...options.limits }
    const { clock } = options
    this.#clock = clock
    this.#gate = new PolicyGate(options.policy, clock, options.meter)
    this.#registry = new RingRegistry(
      this.limits,
      id => this.#domains.get(id),
      ring => this.#limiter.forgetRing(ring),
    )
    const steadyMs = options.steadyMs ?? (() => clock.now())
    this.#steadyMs = () => Math.floor(steadyMs())
    this.#onDue = options.onDue ?? (() => undefined)
    const noteDue = (at: number): void => this.#noteDue(at)
    this.#limiter = new RateLimiter(
      this.limits,
      this.#steadyMs,
      noteDue,
      ({ id, quota }) => quota && new QuotaMeter(quota, this.#gate.counter(id), clock),
    )
    this.asks = new AskTable({
      limits: this.limits,
      clock,
      now: this.#steadyMs,
      onDue: noteDue,
      onChange: options.onAsksChange ?? (() => undefined),
    })
    this.#limiter.replace(options.policy.limited)
    const admission = new Admission(this.#gate, this.#limiter, this.asks)
    this.#space = new RingSpace(this.limits)
    this.#settlement = new Settlement(
      this.#gate,
      admission,
      this.#limiter,
      this.#space,
      options.decisionIdBase ?? 0,
      options.onFlow ?? (() => undefined),
    )
    this.#exchange = new Exchange(this.#gate, admission, this.#space, this.#settlement)
    this.#notifier = new Notifier(this.#gate, admission, this.#space, this.limits, target =>
      this.releaseTarget(target),
    )
  }

  // ---- domains ----

  /**
   * Lets a domain have sessions.
   * @param id 1..0x7FEF, of no other domain; handing ids out is the caller's business.
   */
  createDomain(id: DomainId, name: string, tags: readonly string[] = []): Domain {
    assert(isDomainId(id) && id > 0 && !this.#domains.has(id), `domain ${id} can be created`)
    assert(domainNameProblem(name) === undefined, `"${name}" is a domain name`)
    assert(this.#targets.get(name)?.domain === undefined, `"${name}" is free`)
    const domain = new Domain(id, name, tags)
    this.#domains.set(id, domain)
    const target = this.holdTarget(name) // held by the domain itself until it is destroyed
    target.domain = domain
    this.#gate.forget()
    return domain
  }

  /** Gives a domain other tags; decisions made from now on see them. */
  setTags(domain: Domain, tags: readonly string[]): void {
    domain.subject = { name: domain.name, tags }
    this.forgetDecisions()
  }

  /**
   * Ends a domain: its sessions, their rings, and the rings that others registered for it alone.
   * (Argo: argo_destroy, which tells nobody.)
   */
  destroyDomain(domain: Domain): void {
    this.kick(domain, 'domain-removed', `domain ${domain.name} was removed`)
    for (const ring of domain.partnerRings) {
      const { owner } = ring
      this.#registry.lose(ring)
      owner.sink.event({ kind: 'ring-down', party: owner.domain.party, port: ring.id.port })
    }
    assert(domain.rings.size === 0 && domain.ringBytes === 0, 'nothing is left of a dead domain')
    this.#domains.delete(domain.id)
    const target = this.#targets.get(domain.name)!
    target.domain = undefined
    this.releaseTarget(target)
    this.#gate.forget()
    this.asks.dropDomain(domain)
  }

  /** Ends all sessions of a domain, telling each why. */
  kick(domain: Domain, reason: EndReason, detail: string): number {
    const sessions = [...domain.sessions]
    for (const session of sessions) {
      this.endSession(session)
      session.sink.ended(reason, detail)
    }
    return sessions.length
  }

  domain(id: DomainId): Domain | undefined {
    return this.#domains.get(id)
  }

  domainNamed(name: string): Domain | undefined {
    return this.#targets.get(name)?.domain
  }

  domains(): Iterable<Domain> {
    return this.#domains.values()
  }

  // ---- sessions ----

  /** Attaches a client of a domain; ENOSPC when the domain or the daemon has its number. */
  openSession(domain: Domain, sink: SessionSink): OpenOutcome {
    assert(this.#domains.get(domain.id) === domain, 'a session is of a domain that is there')
    const { sessionsMax, sessionsPerDomainMax } = this.limits
    if (domain.sessions.size >= sessionsPerDomainMax) {
      const detail = `a domain has at most ${sessionsPerDomainMax} sessions`
      const used = domain.sessions.size
      return { ...noSession, reason: 'domain-sessions', detail, limit: sessionsPerDomainMax, used }
    }
    if (this.#sessions.size >= sessionsMax) {
      const detail = `there are at most ${sessionsMax} sessions`
      const used = this.#sessions.size
      return { ...noSession, reason: 'daemon-sessions', detail, limit: sessionsMax, used }
    }
    do this.#lastSessionId = (this.#lastSessionId % 0xffffffff) + 1
    while (this.#sessions.has(this.#lastSessionId))
    const session = new Session(this.#lastSessionId, domain, sink)
    domain.sessions.add(session)
    domain.lastSeenAt = this.#clock.now()
    this.#sessions.set(session.id, session)
    return { ok: true, session }
  }

  /** Ends a session and everything it held; whoever had to do with it is told. */
  endSession(session: Session): void {
    if (session.ended) return
    session.ended = true
    const { domain } = session
    domain.sessions.delete(session)
    domain.lastSeenAt = this.#clock.now()
    this.#sessions.delete(session.id)
    this.#notifier.forgetWishes(session)

    const peers = new Set<Session>()
    for (const ring of session.sentTo) peers.add(ring.owner)
    for (const ring of session.rings.values()) {
      for (const peer of concerned(ring)) peers.add(peer)
      this.#registry.remove(ring)
    }
    assert(session.rings.size === 0 && session.ports.size === 0, 'a session leaves no ring')

    for (const ring of session.sentTo) ring.senders.delete(session)
    for (const ring of session.blockedOn) ring.blocked.delete(session)
    session.sentTo.clear()
    session.blockedOn.clear()
    peers.delete(session)
    if (domain.sessions.size === 0) {
      for (const peer of peers) peer.sink.event({ kind: 'domain-down', party: domain.party })
    }
    for (const ring of session.waitingFor) {
      ring.waiters.remove(session)
      this.#space.wake(ring) // it may have held up those behind it
    }
    session.waitingFor.clear()
    for (const hold of session.holds) hold.forget(session)
  }

  sessions(): Iterable<Session> {
    return this.#sessions.values()
  }

  // ---- names ----

  /** The object that stands for a name; to be given back with `releaseTarget`. */
  holdTarget(name: string): Target {
    let target = this.#targets.get(name)
    if (target === undefined) {
      target = new Target(name, undefined)
      this.#targets.set(name, target)
    }
    target.holders++
    return target
  }

  /** The object that stands for a number, also for one that no domain has; not to be given back. */
  targetOfId(id: DomainId): Target {
    const domain = this.#domains.get(id)
    return domain === undefined
      ? new Target(String(id), undefined)
      : this.#targets.get(domain.name)!
  }

  releaseTarget(target: Target): void {
    target.holders--
    assert(target.holders >= 0, 'a target is released as often as it was held')
    if (target.holders === 0) this.#targets.delete(target.name)
  }

  // ---- rings and datagrams ----

  /**
   * See RingRegistry.register. Whoever waits for such a ring is told that it is there, and whoever
   * waits for space in one that was emptied is told of that.
   */
  registerRing(session: Session, request: RingRequest): RegisterOutcome {
    const outcome = this.#registry.register(session, request)
    if (outcome.ok) {
      this.#notifier.announce(outcome.ring, this.#targets.get(session.domain.name)!)
      this.#space.wake(outcome.ring)
    }
    return outcome
  }

  /** See RingRegistry.unregister. */
  unregisterRing(session: Session, handle: number): UnregisterOutcome {
    return this.#registry.unregister(session, handle)
  }

  /** See Exchange.sendRun. */
  sendRun(session: Session, run: Run, bytes: FrameBytes, start: number, end: number): RunOutcome {
    return this.#exchange.sendRun(session, run, bytes, start, end)
  }

  /** See Exchange.sendv. */
  sendv(
    session: Session,
    flow: Omit<Run, 'count' | 'retry'>,
    iovs: readonly Uint8Array[],
  ): SendOutcome {
    return this.#exchange.sendv(session, flow, iovs)
  }

  /** See RingSpace.consume. */
  consume(ring: Ring, offset: number): boolean {
    return this.#space.consume(ring, offset)
  }

  /** See Notifier.notify. */
  notify(
    session: Session,
    sourcePort: Port,
    queries: readonly RingQuery[],
    type: number,
  ): RingStatus[] | Refusal {
    return this.#notifier.notify(session, sourcePort, queries, type)
  }

  // ---- policy ----

  /** Puts another table in force for every datagram from now on, and tells all sessions. */
  setPolicy(table: PolicyTable): void {
    this.#gate.replace(table)
    this.#settlement.resetLog()
    this.#limiter.replace(table.limited)
    this.#reconsider()
    const event: SessionEvent = { kind: 'policy-changed', revision: table.revision }
    for (const session of this.#sessions.values()) session.sink.event(event)
  }

  /** Audit mode of everything: what policy would refuse is delivered, and recorded as `audit`. */
  get isAuditing(): boolean {
    return this.#gate.isAuditing
  }

  set isAuditing(isAuditing: boolean) {
    this.#gate.isAuditing = isAuditing
    this.#reconsider()
  }

  /** Audit mode of a domain: of what it sends, and of what is sent to it. */
  setAudited(domain: Domain, isAudited: boolean): void {
    domain.isAudited = isAudited
    this.forgetDecisions()
  }

  /** Does what is due: for when the time has come that `onDue` spoke of. */
  tick(): void {
    this.#dueAt = Infinity
    this.#noteDue(Math.min(this.#limiter.tick(), this.asks.tick()))
  }

  get policy(): PolicyTable {
    return this.#gate.table
  }

  /** Asks the table again about every flow: for when who is in a set changed, or a rule expired. */
  forgetDecisions(): void {
    this.#gate.forget()
    this.#reconsider()
  }

  /** Counters by rule id; DEFAULT_ID counts what no rule spoke of. */
  get ruleCounters(): ReadonlyMap<string, RuleCounter> {
    return this.#gate.counters
  }

  /** The counter of one rule, to be read, or set from what was kept over a restart. */
  ruleCounter(ruleId: string): RuleCounter {
    return this.#gate.counter(ruleId)
  }

  /** Calls those who wait for a quota: for when counters were set to zero. */
  quotasZeroed(): void {
    this.#limiter.callAll()
  }

  /** Forgets the counter of a rule that was removed. */
  dropRuleCounter(ruleId: string): void {
    this.#gate.dropCounter(ruleId)
  }

  /** Calls those who wait for what policy may not want of them any more. */
  #reconsider(): void {
    this.#limiter.callAll()
    this.asks.review((source, { sourcePort, destination, port, type }, waiting) => {
      const from = sourcePort ?? (PORT_EPHEMERAL_MIN as Port)
      const target = this.#targets.get(destination) ?? new Target(destination, undefined)
      const index = this.#gate.decide(source, from, target, port, type)
      const { action } = this.#gate.verdict(index)
      if (action === 'ask' && !this.#gate.isAudited(source, target)) return true
      // What is under way of them must not overtake what was refused before.
      const ring = target.domain?.matchRing(port, source.id)
      if (ring !== undefined) for (const session of waiting) this.#space.block(session, ring)
      return false
    })
  }

  #noteDue(at: number): void {
    if (at >= this.#dueAt) return
    this.#dueAt = at
    this.#onDue(Math.max(0, at - this.#steadyMs()))
  }
}
