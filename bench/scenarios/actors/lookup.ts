import { PolicyTable } from '../../../src/policy/policy-table.js'
import { parseRule } from '../../../src/policy/rule-text.js'
import type { Rule } from '../../../src/policy/rule.js'
import type { Subject } from '../../../src/policy/subject.js'
import { spreadOf } from '../../statistics.js'
import { hostActor } from '../actor.js'

const SOURCES = 500
/** A prime, so that no two of 10,000 rules speak of the same two domains. */
const DESTINATIONS = 701
const FIRST_PORT = 5000
const PORTS = 100
const SOURCE_PORT = 40_000
/** Lookups timed as one: the clock takes a part of what one lookup does. */
const RUN = 64
/** Flows to choose from; a power of two. */
const FLOWS = 4_096
const NS_PER_US = 1_000
const NS_PER_MS = 1e6

/** The time of one lookup. */
export interface Percentiles {
  readonly p50Us: number
  readonly p99Us: number
}

export interface LookupTimes {
  readonly same: Percentiles
  readonly any: Percentiles
  /** By how much the same flows took longer than in the first table, in percent: median of the rounds. */
  readonly differencePercent: number
}

interface Flow {
  readonly source: Subject
  readonly destination: Subject
  readonly port: number
  /** Of the rule that decides it. */
  readonly position: number
}

class Bench {
  readonly #table: PolicyTable
  readonly #same: readonly Flow[]
  readonly #any: readonly Flow[]
  readonly #sameNs: number[] = []
  readonly #anyNs: number[] = []

  constructor(rules: number, sameFlows: number, subjects: ReadonlyMap<string, Subject>) {
    this.#table = new PolicyTable(
      1,
      Array.from({ length: rules }, (_, i) => ruleOf(i)),
    )
    // A step that has no divisor in common with the number of rules comes by all of them.
    const flowsOf = (among: number): Flow[] =>
      Array.from({ length: FLOWS }, (_, i) => flowOf((i * 7919) % among, subjects))
    this.#same = flowsOf(sameFlows)
    this.#any = flowsOf(rules)
  }

  /** One run over flows that all tables have, after one that fetches what the last table displaced. */
  measureSame(round: number): void {
    this.#time(this.#same, round)
    this.#sameNs.push(this.#time(this.#same, round))
  }

  /** One run over flows from all over the table. */
  measureAny(round: number): void {
    this.#anyNs.push(this.#time(this.#any, round))
  }

  /** Forgets what was measured. */
  reset(): void {
    this.#sameNs.length = 0
    this.#anyNs.length = 0
  }

  /** @param first of the tables that took turns. */
  times(first: Bench): LookupTimes {
    const ratios = this.#sameNs.map((ns, round) => ns / first.#sameNs[round]!)
    return {
      same: percentilesOf(this.#sameNs),
      any: percentilesOf(this.#anyNs),
      differencePercent: (spreadOf(ratios).median - 1) * 100,
    }
  }

  #time(flows: readonly Flow[], round: number): number {
    const table = this.#table
    const first = (round * RUN) % FLOWS
    let wrong = 0
    const startedMs = performance.now()
    for (let i = first; i < first + RUN; i++) {
      const { source, destination, port, position } = flows[i]!
      const verdict = table.decide(source, SOURCE_PORT, destination, port, 'dgram')
      if (verdict.position !== position) wrong++
    }
    const ns = (performance.now() - startedMs) * NS_PER_MS
    if (wrong > 0) throw new Error(`${wrong} of ${RUN} flows were decided by another rule`)
    return ns
  }
}

function ruleOf(i: number): Rule {
  const { source, destination, port } = partiesOf(i)
  const text = parseRule(`accept ${source}:* -> ${destination}:${port}`)
  if (!text.ok) throw new Error(text.message)
  return { ...text.rule, id: `rule-${i}` }
}

function flowOf(i: number, subjects: ReadonlyMap<string, Subject>): Flow {
  const { source, destination, port } = partiesOf(i)
  return {
    source: subjects.get(source)!,
    destination: subjects.get(destination)!,
    port,
    position: i + 1,
  }
}

function partiesOf(i: number): {
  readonly source: string
  readonly destination: string
  readonly port: number
} {
  return {
    source: `web${i % SOURCES}`,
    destination: `db${i % DESTINATIONS}`,
    port: FIRST_PORT + (i % PORTS),
  }
}

function percentilesOf(runsNs: readonly number[]): Percentiles {
  const sorted = runsNs.toSorted((a, b) => a - b)
  const us = (part: number): number => sorted[Math.floor(sorted.length * part)]! / RUN / NS_PER_US
  return { p50Us: us(0.5), p99Us: us(0.99) }
}

const commands = {
  /**
   * Times lookups in tables of so many rules, which take turns.
   * @param sameFlows of so many rules, in front of all others, are the flows that all tables have.
   */
  measure(tables: readonly number[], sameFlows: number, runs: number): LookupTimes[] {
    const subjects = new Map<string, Subject>()
    const add = (name: string): unknown => subjects.set(name, { name, tags: [] })
    for (let i = 0; i < SOURCES; i++) add(`web${i}`)
    for (let i = 0; i < DESTINATIONS; i++) add(`db${i}`)
    const benches = tables.map(rules => new Bench(rules, sameFlows, subjects))
    // One kind after the other: each would find the processor's caches full of the other's.
    const rounds = (count: number): void => {
      for (let round = 0; round < count; round++) {
        for (const bench of benches) bench.measureSame(round)
      }
      for (let round = 0; round < count; round++) {
        for (const bench of benches) bench.measureAny(round)
      }
    }
    rounds(runs / 4) // warm-up
    for (const bench of benches) bench.reset()
    rounds(runs)
    return benches.map(bench => bench.times(benches[0]!))
  },
}

export type LookupCommands = typeof commands

hostActor(() => commands)
