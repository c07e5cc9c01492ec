import { CONTROL_NAME, messageTypeOf, type Port } from '../abi/addr.js'
import { DEFAULT_ID, type Action } from '../policy/rule.js'
import { FlowCache } from '../policy/flow-cache.js'
import type { FlowVerdict } from '../policy/flow-verdict.js'
import type { PolicyTable } from '../policy/policy-table.js'
import type { Verdict } from '../policy/verdict.js'
import type { Clock } from '../util/clock.js'
import type { Domain } from './domain.js'
import type { FlowMeter } from './flow-meter.js'
import type { Target } from './target.js'

/** What a rule has decided so far. It is kept by the rule's id, over every change of the table. */
export interface RuleCounter {
  /** What the rule says to do. */
  action: Action
  hits: number
  bytes: number
  /** Milliseconds since the epoch, 0 for never. */
  lastHit: number
  /**
   * Of the hits and their bytes, those that were let through only because of audit mode, whether or
   * not there was a ring that took them.
   */
  audited: number
  auditedBytes: number
  /** Datagrams that a limit of the rule refused; those over a rate are tried again, and no hits. */
  limited: number
  /** Bytes of its quota that are used, since a time in milliseconds since the epoch. */
  quotaUsed: number
  quotaSince: number
}

/** A counter that has counted nothing. */
export const ZEROS: Omit<RuleCounter, 'action'> = {
  hits: 0,
  bytes: 0,
  lastHit: 0,
  audited: 0,
  auditedBytes: 0,
  limited: 0,
  quotaUsed: 0,
  quotaSince: 0,
}

/** Set in a cached answer when the flow has been recorded; the position is in the bits above. */
const RECORDED = 1

/**
 * The table in force, with a cache in front and counters behind. One decision is made by one
 * table: it is replaced between two operations, never during one.
 */
export class PolicyGate {
  readonly #clock: Clock
  readonly #meter: FlowMeter | undefined
  readonly #cache = new FlowCache()
  readonly #countersById = new Map<string, RuleCounter>()
  #table: PolicyTable
  /** Counters of the table's verdicts by their indexes, those that were asked for since it came. */
  #counters: (RuleCounter | undefined)[] = []
  #nextExpiry = Infinity
  #isNewFlow = false
  /** Where the flow of the last decision is in the cache, or -1. */
  #entry = -1
  #isAuditing = false

  /** @param meter counts the datagrams of each flow; none to do without. */
  constructor(table: PolicyTable, clock: Clock, meter?: FlowMeter) {
    this.#clock = clock
    this.#meter = meter
    this.#table = table
    this.replace(table)
  }

  get table(): PolicyTable {
    return this.#table
  }

  /**
   * True when the flow of the last decision was not recorded since the policy came into force: a
   * question or a refusal for want of space decides a flow too, and does not use this up.
   */
  get isNewFlow(): boolean {
    return this.#isNewFlow
  }

  /** Audit mode of everything: what policy would refuse is delivered. */
  get isAuditing(): boolean {
    return this.#isAuditing
  }

  set isAuditing(isAuditing: boolean) {
    this.#isAuditing = isAuditing
    this.forget()
  }

  /** Puts another table in force; counters of rules it still has go on. */
  replace(table: PolicyTable): void {
    this.#table = table
    this.#counters = []
    this.#counters.length = table.verdictCount
    this.forget()
  }

  /** Forgets cached decisions: for when tags, numbers, sets or audit mode mean something else. */
  forget(): void {
    this.#cache.clear()
    this.#nextExpiry = this.#table.nextExpiry
  }

  /** The counter of a rule, which starts at zero when it was not known. */
  counter(ruleId: string): RuleCounter {
    let counter = this.#countersById.get(ruleId)
    if (counter === undefined) {
      counter = { action: 'reject', ...ZEROS }
      this.#countersById.set(ruleId, counter)
    }
    return counter
  }

  /** Every counter by rule id, also of rules that are gone. */
  get counters(): ReadonlyMap<string, RuleCounter> {
    return this.#countersById
  }

  /** Drops the counters of rules that are neither in the table nor wanted any more. */
  dropCounter(ruleId: string): void {
    this.#countersById.delete(ruleId)
  }

  /**
   * Decides a flow. The answer for a name that no domain has is not cached: it has no number, and
   * each of its datagrams counts as a new flow.
   * @returns the index of the verdict, for `verdict` and `count`.
   */
  decide(source: Domain, sourcePort: Port, target: Target, port: Port, type: number): number {
    // Where nothing ever expires, no clock is asked.
    if (this.#nextExpiry !== Infinity) this.#expire()
    const messageType = messageTypeOf(type)
    this.#isNewFlow = true
    this.#entry = -1
    if (messageType === undefined) return 0
    const destination = target.domain
    if (destination === undefined) {
      return this.#table.decide(source.subject, sourcePort, target.subject, port, messageType)
        .position
    }
    const cache = this.#cache
    const known = cache.lookup(source.id, sourcePort, destination.id, port, type)
    if (known >= 0) {
      this.#isNewFlow = (known & RECORDED) === 0
      this.#entry = cache.entry
      return known >>> 1
    }
    const { position } = this.#table.decide(
      source.subject,
      sourcePort,
      destination.subject,
      port,
      messageType,
    )
    cache.store(source.id, sourcePort, destination.id, port, type, position << 1)
    this.#entry = cache.entry
    return position
  }

  /** Notes that a flow whose verdict has this index was recorded. */
  recorded(
    source: Domain,
    sourcePort: number,
    target: Target,
    port: Port,
    type: number,
    index: number,
  ): void {
    const destination = target.domain
    if (destination === undefined) return
    const answer = (index << 1) | RECORDED
    this.#cache.store(source.id, sourcePort, destination.id, port, type, answer)
  }

  verdict(index: number): Verdict {
    return this.#table.verdictAt(index)
  }

  /** True when the verdict accepts and nothing else needs to be asked. */
  isPlain(index: number): boolean {
    return this.#table.isPlain(index)
  }

  /**
   * True when what policy refuses between these two is delivered. The control domain is never
   * reached that way: only a rule that names it lets anything through to it.
   */
  isAudited(source: Domain, target: Target): boolean {
    if (!this.#isAuditing && !source.isAudited && target.domain?.isAudited !== true) return false
    return target.name !== CONTROL_NAME
  }

  /** Counts datagrams that a verdict has settled. */
  count(index: number, datagrams: number, bytes: number): void {
    const counter = this.#counterAt(index)
    counter.hits += datagrams
    counter.bytes += bytes
    counter.lastHit = this.#clock.now()
  }

  /** Counts, besides, that they were let through only because of audit mode. */
  countAudited(index: number, datagrams: number, bytes: number): void {
    const counter = this.#counterAt(index)
    counter.audited += datagrams
    counter.auditedBytes += bytes
  }

  /** Counts datagrams that a limit of the verdict's rule refused. */
  countLimited(index: number, datagrams: number): void {
    this.#counterAt(index).limited += datagrams
  }

  /**
   * Counts datagrams of the flow that was decided last, if flows are counted.
   * @param effect what became of them; what its verdict says unless told.
   */
  meter(
    source: Domain,
    sourcePort: Port,
    target: Target,
    port: Port,
    type: number,
    index: number,
    datagrams: number,
    bytes: number,
    effect?: FlowVerdict,
  ): void {
    const meter = this.#meter
    if (meter === undefined) return
    // `count` has just asked the clock.
    const now = effect === undefined ? this.#counterAt(index).lastHit : this.#clock.now()
    const cache = this.#cache
    const entry = effect === undefined ? this.#entry : -1
    if (entry >= 0) {
      const slot = cache.note(entry) - 1
      if (slot >= 0 && meter.tagOf(slot) === cache.noteTag(entry)) {
        meter.add(slot, datagrams, bytes, now)
        return
      }
    }
    const verdict = this.verdict(index)
    const done = effect ?? verdict.action
    const rule = verdict.rule?.id ?? DEFAULT_ID
    const slot = meter.slotOf(source.name, sourcePort, target.name, port, type, done, rule)
    meter.add(slot, datagrams, bytes, now)
    if (entry >= 0 && slot >= 0) cache.setNote(entry, slot + 1, meter.tagOf(slot))
  }

  // Only when it is asked for: a table may have ten thousand, and comes into force in one step.
  #counterAt(index: number): RuleCounter {
    return (this.#counters[index] ??= this.#findCounter(this.verdict(index)))
  }

  #findCounter({ rule, action }: Verdict): RuleCounter {
    const counter = this.counter(rule?.id ?? DEFAULT_ID)
    counter.action = action
    return counter
  }

  #expire(): void {
    const now = this.#clock.now()
    if (now < this.#nextExpiry) return
    this.#table.expire(now)
    this.forget()
  }
}
