import { messageTypeOf, type Port } from '../abi/addr.js'
import { DEFAULT_ID } from '../policy/rule.js'
import { FlowCache } from '../policy/flow-cache.js'
import type { PolicyTable } from '../policy/policy-table.js'
import type { Verdict } from '../policy/verdict.js'
import type { Clock } from '../util/clock.js'
import type { Domain } from './domain.js'
import type { Target } from './target.js'

/** What a rule has decided so far. It is kept by the rule's id, over every change of the table. */
export interface RuleCounter {
  hits: number
  bytes: number
  /** Milliseconds since the epoch, 0 for never. */
  lastHit: number
}

/** Set in a cached answer when the flow has been recorded; the position is in the bits above. */
const RECORDED = 1

/**
 * The table in force, with a cache in front and counters behind. One decision is made by one
 * table: it is replaced between two operations, never during one.
 */
export class PolicyGate {
  readonly #clock: Clock
  readonly #cache = new FlowCache()
  readonly #countersById = new Map<string, RuleCounter>()
  #table: PolicyTable
  /** Counters of the table's verdicts, in the order of their indexes. */
  #counters: RuleCounter[] = []
  #isNewFlow = false

  constructor(table: PolicyTable, clock: Clock) {
    this.#clock = clock
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

  /** Puts another table in force; counters of rules it still has go on. */
  replace(table: PolicyTable): void {
    this.#table = table
    this.#counters = []
    for (let index = 0; index < table.verdictCount; index++) {
      const id = table.verdictAt(index).rule?.id ?? DEFAULT_ID
      this.#counters.push(this.counter(id))
    }
    this.forget()
  }

  /** Forgets cached decisions: for when a domain's tags or number mean something else. */
  forget(): void {
    this.#cache.clear()
  }

  /** The counter of a rule, which starts at zero when it was not known. */
  counter(ruleId: string): RuleCounter {
    let counter = this.#countersById.get(ruleId)
    if (counter === undefined) {
      counter = { hits: 0, bytes: 0, lastHit: 0 }
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
    const messageType = messageTypeOf(type)
    this.#isNewFlow = true
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

  /** Counts datagrams that a verdict has settled. */
  count(index: number, datagrams: number, bytes: number): void {
    const counter = this.#counters[index]!
    counter.hits += datagrams
    counter.bytes += bytes
    counter.lastHit = this.#clock.now()
  }
}
