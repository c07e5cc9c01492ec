import type { Hypervisor } from '../../hypervisor/hypervisor.js'
import { ZEROS, type RuleCounter } from '../../hypervisor/policy-gate.js'
import type { RuleList } from '../../policy/rule-list.js'
import { ACTIONS, DEFAULT_ID, type Action } from '../../policy/rule.js'
import type { Decided, Retired, RuleCounters } from '../../store/counter-store.js'
import type { Store } from '../../store/store.js'
import { turnsOf, type TableChange } from '../policy/table-change.js'
import type { VerdictCounts } from '../schemas/stats.js'
import type { Log } from './log.js'
import { nextTurn } from './next-turn.js'

/** Rules of a table that are gone, and whose counters are not added up yet. */
interface Leaving {
  readonly rules: RuleList
  /** Their indexes. */
  readonly gone: Uint32Array
  /** How many of them are added up. */
  done: number
}

type Sums = Record<Action, { hits: number; bytes: number }>

/** What a rule that is gone had decided, while its counter is still in the store. */
interface Fold extends Counted {
  readonly id: string
  readonly action: Action
}

/** What a counter stands at, as far as it goes into sums. */
type Counted = Pick<RuleCounters, 'hits' | 'bytes' | 'audited' | 'auditedBytes'>

/** A rule that says something else to do from now on, and what it has counted. */
export interface Turning {
  readonly counter: RuleCounter
  readonly from: Action
  readonly to: Action
}

/** Counters that are about to start again. */
interface Zeroing {
  readonly hits: number
  readonly bytes: number
  readonly apply: () => void
}

/** Counters that are looked at, and rows that are written, before others get their turn. */
const LOOKS_PER_STEP = 500
const ROWS_PER_STEP = 25

/**
 * What was decided, exactly: the counters of the rules in force, and sums of those that are gone and
 * of what was counted before a counter was zeroed.
 * Rules come, go and change what they say; the totals by verdict only ever grow, and
 * rules + default + retired is always the number of decisions.
 */
export class Tally {
  readonly #store: Store
  readonly #hypervisor: Hypervisor
  readonly #log: Log | undefined
  /** What rules that are gone have decided, and others before their counters were zeroed. */
  readonly #retired: Sums
  /** The same as far as it is stored, and of whom the store still has a counter. */
  readonly #storedRetired: Sums
  readonly #folds: Fold[] = []
  readonly #leaving: Leaving[] = []
  /** What is stored, so that only what has changed is written. */
  readonly #stored = new Map<string, Pick<RuleCounters, 'hits' | 'bytes' | 'limited'>>()
  #areSumsStored = true
  #hasFailed = false
  #isSaving = false

  constructor(store: Store, hypervisor: Hypervisor, log: Log | undefined) {
    this.#store = store
    this.#hypervisor = hypervisor
    this.#log = log
    const retired = store.counters.loadRetired()
    this.#retired = copyOf(retired)
    this.#storedRetired = copyOf(retired)
  }

  /**
   * Sets the counters to what they stood at when they were saved: once, before the hypervisor
   * decides anything. Those of rules that are not there any more are retired.
   */
  restore(): void {
    const actions = new Map<string, Action>(
      this.#hypervisor.policy.rules.map(rule => [rule.id, rule.action]),
    )
    actions.set(DEFAULT_ID, 'reject')
    for (const { id, lastHit, ...counts } of this.#store.counters.load()) {
      if (!actions.has(id)) {
        // Nobody knows any more what the rule said to do.
        this.#retire({ id, action: 'reject', ...counts })
        continue
      }
      const action = actions.get(id)!
      Object.assign(this.#hypervisor.ruleCounter(id), counts, { lastHit: lastHit ?? 0, action })
      this.#stored.set(id, counts)
    }
  }

  /** What was decided so far, by verdict. */
  totals(): VerdictCounts {
    this.#leave(Infinity)
    const sums = copyOf(this.#retired)
    for (const counter of this.#hypervisor.ruleCounters.values()) {
      addCounted(sums, counter.action, counter)
    }
    const count = (action: Action): VerdictCounts[Action] => ({
      datagrams: sums[action].hits,
      bytes: sums[action].bytes,
    })
    return {
      accept: count('accept'),
      reject: count('reject'),
      drop: count('drop'),
      audit: count('audit'),
      ask: count('ask'),
    }
  }

  /** What is retired, all verdicts together. */
  retired(): { readonly hits: number; readonly bytes: number } {
    this.#leave(Infinity)
    const sum = { hits: 0, bytes: 0 }
    for (const action of ACTIONS) {
      sum.hits += this.#retired[action].hits
      sum.bytes += this.#retired[action].bytes
    }
    return sum
  }

  /**
   * Looks up the counters of rules that will say something else to do, for `change`; others get
   * their turn meanwhile.
   * @param before the rules in force.
   */
  async turning(before: RuleList, change: TableChange): Promise<readonly Turning[]> {
    const turning: Turning[] = []
    for (const { index, from, to } of turnsOf(change)) {
      turning.push({ counter: this.#hypervisor.ruleCounter(before.idAt(index)), from, to })
      if (turning.length % LOOKS_PER_STEP === 0) await nextTurn()
    }
    return turning
  }

  /**
   * Takes over what rules have decided that go, or say something else, just before the new table
   * comes into force. Those that go count no more: their counters are added up later, or when
   * somebody asks.
   * @param before the rules that were in force until now.
   * @param turning the rules that say something else.
   */
  change(before: RuleList, { gone }: TableChange, turning: readonly Turning[]): void {
    if (gone.length > 0) this.#leaving.push({ rules: before, gone, done: 0 })
    if (turning.length === 0) return
    // All of it in this turn of the event loop, so nothing is made for each of thousands.
    const moved = noSums()
    for (const { counter, from, to } of turning) {
      counter.action = to
      const hits = counter.hits - counter.audited
      const bytes = counter.bytes - counter.auditedBytes
      moved[from].hits += hits
      moved[from].bytes += bytes
      moved[to].hits -= hits
      moved[to].bytes -= bytes
    }
    for (const action of ACTIONS) {
      add(this.#retired[action], moved[action])
      add(this.#storedRetired[action], moved[action])
    }
    this.#areSumsStored = false
  }

  /**
   * Adds up the counters of rules that went, a few at a time: before somebody asks for sums, and
   * before another table comes into force, in which their ids may mean other rules.
   */
  async settle(): Promise<void> {
    while (this.#leaving.length > 0) {
      this.#leave(LOOKS_PER_STEP)
      await nextTurn()
    }
  }

  /** The ids of all counters, also of those in the store that are of rules that are gone. */
  ids(): string[] {
    const gone = this.#folds.map(({ id }) => id)
    return [...new Set([...this.#hypervisor.ruleCounters.keys(), ...gone])]
  }

  /**
   * Starts counters again from zero: what they stood at is retired, so the totals stay. The store
   * has it first, in the transaction that is under way.
   * @param ids of rules, or DEFAULT_ID.
   * @returns what they stood at together, and what sets them to zero once that is committed.
   */
  zero(ids: readonly string[]): Zeroing {
    this.#leave(Infinity)
    const meant = new Set(ids)
    const folds = this.#folds.filter(({ id }) => meant.has(id))
    const counters = ids.flatMap(id => {
      const counter = this.#hypervisor.ruleCounters.get(id)
      return counter === undefined ? [] : [{ id, counter }]
    })
    const sums = copyOf(this.#storedRetired)
    for (const fold of folds) addCounted(sums, fold.action, fold)
    for (const { counter } of counters) addCounted(sums, counter.action, counter)
    this.#store.counters.save([], ids, sums)
    const apply = (): void => {
      Object.assign(this.#storedRetired, sums)
      const left = this.#folds.filter(({ id }) => !meant.has(id))
      this.#folds.splice(0, this.#folds.length, ...left)
      for (const { id, counter } of counters) {
        addCounted(this.#retired, counter.action, counter)
        Object.assign(counter, ZEROS)
        this.#stored.delete(id)
      }
      this.#hypervisor.quotasZeroed()
    }
    return {
      hits: counters.reduce((sum, { counter }) => sum + counter.hits, 0),
      bytes: counters.reduce((sum, { counter }) => sum + counter.bytes, 0),
      apply,
    }
  }

  /**
   * Saves what has changed: now and then. Others get their turn between the parts of it. A store
   * that fails does not stop the daemon: it is logged once, and the next call tries again.
   * @returns false when it failed.
   */
  async save(): Promise<boolean> {
    if (this.#isSaving) return true
    this.#isSaving = true
    try {
      for (const isSaved of this.#steps()) {
        if (!isSaved) return false
        await nextTurn()
      }
      return true
    } finally {
      this.#isSaving = false
    }
  }

  /** Saves all that has changed at once: when the daemon closes. @returns false when it failed. */
  saveNow(): boolean {
    for (const isSaved of this.#steps()) if (!isSaved) return false
    return true
  }

  *#steps(): Generator<boolean, void, undefined> {
    while (this.#leaving.length > 0) {
      this.#leave(LOOKS_PER_STEP)
      yield true
    }
    while (this.#folds.length > 0) yield this.#write(this.#folds.slice(0, ROWS_PER_STEP), [])
    let changed: string[] = []
    let looks = 0
    for (const [id, counter] of this.#hypervisor.ruleCounters) {
      if (++looks % LOOKS_PER_STEP === 0) yield true
      const { hits, bytes, limited } = counter
      const stored = this.#stored.get(id) ?? { hits: 0, bytes: 0, limited: 0 }
      if (hits === stored.hits && bytes === stored.bytes && limited === stored.limited) continue
      changed.push(id)
      if (changed.length < ROWS_PER_STEP) continue
      yield this.#write([], changed)
      changed = []
    }
    if (changed.length > 0 || !this.#areSumsStored) yield this.#write([], changed)
  }

  // Each write keeps the sum over the store what it was, so that a crash between two loses nothing.
  #write(folds: readonly Fold[], changed: readonly string[]): boolean {
    const sums = copyOf(this.#storedRetired)
    for (const fold of folds) addCounted(sums, fold.action, fold)
    const kept = this.#standing(changed)
    try {
      this.#store.counters.save(
        kept,
        folds.map(fold => fold.id),
        sums,
      )
    } catch (error) {
      if (!this.#hasFailed) this.#log?.error({ err: error }, 'the counters could not be saved')
      this.#hasFailed = true
      return false
    }
    this.#hasFailed = false
    this.#areSumsStored = true
    this.#folds.splice(0, folds.length)
    Object.assign(this.#storedRetired, sums)
    for (const { id, hits, bytes, limited } of kept) this.#stored.set(id, { hits, bytes, limited })
    return true
  }

  // What counters stand at now: one that was zeroed meanwhile must not be written as it was. A rule
  // that went meanwhile is folded by the next step.
  #standing(ids: readonly string[]): RuleCounters[] {
    const { ruleCounters, policy } = this.#hypervisor
    const isAllThere = this.#folds.length === 0 && this.#leaving.length === 0
    const folded = new Set(this.#folds.map(fold => fold.id))
    const isThere = (id: string): boolean =>
      isAllThere || ((id === DEFAULT_ID || policy.list.indexOf(id) >= 0) && !folded.has(id))
    const standing: RuleCounters[] = []
    for (const id of ids) {
      const counter = ruleCounters.get(id)
      if (counter === undefined || !isThere(id)) continue
      const { lastHit } = counter
      standing.push({ id, ...counter, lastHit: lastHit === 0 ? undefined : lastHit })
    }
    return standing
  }

  #leave(count: number): void {
    const { ruleCounters } = this.#hypervisor
    let left = count
    for (let leaving = this.#leaving[0]; leaving !== undefined; leaving = this.#leaving[0]) {
      const { rules, gone } = leaving
      for (; leaving.done < gone.length; leaving.done++) {
        if (left-- === 0) return
        const id = rules.idAt(gone[leaving.done]!)
        const counter = ruleCounters.get(id)
        if (counter === undefined) continue
        this.#retire({ id, ...counter })
        this.#hypervisor.dropRuleCounter(id)
      }
      this.#leaving.shift()
    }
  }

  #retire(fold: Fold): void {
    addCounted(this.#retired, fold.action, fold)
    this.#folds.push(fold)
    this.#stored.delete(fold.id)
  }
}

/** Adds what a rule has decided: what audit mode let through is no refusal. */
function addCounted(sums: Sums, action: Action, counted: Counted): void {
  const { hits, bytes, audited, auditedBytes } = counted
  add(sums[action], { hits: hits - audited, bytes: bytes - auditedBytes })
  add(sums.audit, { hits: audited, bytes: auditedBytes })
}

function add(sum: { hits: number; bytes: number }, { hits, bytes }: Decided): void {
  sum.hits += hits
  sum.bytes += bytes
}

function noSums(): Sums {
  const sums: Partial<Sums> = {}
  for (const action of ACTIONS) sums[action] = { hits: 0, bytes: 0 }
  return sums as Sums
}

function copyOf(sums: Retired): Sums {
  const copy = noSums()
  for (const action of ACTIONS) add(copy[action], sums[action])
  return copy
}
