import { spreadOf, type Spread } from '../statistics.js'
import type { FlowWindow } from './full-flow.js'
import type { ScenarioColumn } from './result.js'

/**
 * Each item twice, forwards and then backwards: what drifts between the first and the last does so
 * as much for one item as for another.
 */
export function thereAndBack<T>(items: readonly T[]): T[] {
  return [...items, ...items.toReversed()]
}

/** A figure of one case, by rounds. */
export class Rounds {
  readonly #windows = new Map<number, number[]>()

  add(round: number, value: number): void {
    const windows = this.#windows.get(round)
    if (windows === undefined) this.#windows.set(round, [value])
    else windows.push(value)
  }

  /** Nothing was measured yet. */
  get isEmpty(): boolean {
    return this.#windows.size === 0
  }

  /** The middle of all windows. */
  get median(): number {
    return spreadOf([...this.#windows.values()].flat()).median
  }

  /**
   * By how much less this is than the base in the same rounds, in percent: the median of the rounds, the
   * lowest and the highest.
   */
  percentBelow(base: Rounds): Spread {
    const mean = (values: readonly number[]): number =>
      values.reduce((sum, value) => sum + value, 0) / values.length
    const rounds = [...this.#windows].filter(([round]) => base.#windows.has(round))
    return spreadOf(
      rounds.map(([round, own]) => (1 - mean(own) / mean(base.#windows.get(round)!)) * 100),
    )
  }
}

/** A flow of some payload under one of the conditions that are compared. */
export class Compared {
  readonly payloadBytes: number
  readonly rates = new Rounds()
  readonly cpuUs = new Rounds()

  constructor(payloadBytes: number) {
    this.payloadBytes = payloadBytes
  }

  add(round: number, { perSecond, cpuUs }: FlowWindow): void {
    this.rates.add(round, perSecond)
    this.cpuUs.add(round, cpuUs)
  }

  /** What `comparedColumns` shows, against the case that all others are compared with. */
  figures(base: Compared): Readonly<Record<string, number>> {
    const { median, min, max } = this.rates.percentBelow(base.rates)
    return {
      payloadBytes: this.payloadBytes,
      datagramsPerSecond: this.rates.median,
      daemonCpuUs: this.cpuUs.median,
      differencePercent: median,
      differenceMin: min,
      differenceMax: max,
    }
  }
}

/** @param than what the others are compared with, for a heading. */
export function comparedColumns(than: string): ScenarioColumn[] {
  return [
    { key: 'payloadBytes', title: 'payload, bytes' },
    { key: 'datagramsPerSecond', title: 'datagrams/s' },
    { key: 'daemonCpuUs', title: 'daemon CPU µs per datagram' },
    { key: 'differencePercent', title: `less than ${than}, %` },
    { key: 'differenceMin', title: 'lowest' },
    { key: 'differenceMax', title: 'highest' },
  ]
}
