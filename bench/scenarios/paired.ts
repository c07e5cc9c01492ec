import { spreadOf, type Spread } from '../statistics.js'

/**
 * Each item twice, forwards and then backwards: what drifts between the first and the last does so
 * as much for one item as for another.
 */
export function thereAndBack<T>(items: readonly T[]): T[] {
  return [...items, ...items.toReversed()]
}

/** What was measured of one case, by rounds. */
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
