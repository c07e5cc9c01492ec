import { createHistogram } from 'node:perf_hooks'
import { distributionOf, type Distribution } from './distribution.js'
import { NS_PER_US } from './units.js'

/** Longer than anything may take here. */
const HIGHEST_NS = 600e9

/** How long something took, in microseconds. */
export interface Latency {
  readonly count: number
  readonly min: number
  readonly mean: number
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly p999: number
  readonly p9999: number
  readonly max: number
}

/** Gathers times; percentiles are exact to three digits. */
export class LatencyGauge {
  readonly #histogram = createHistogram({ lowest: 1, highest: HIGHEST_NS, figures: 3 })

  get count(): number {
    return this.#histogram.count
  }

  record(ns: number): void {
    this.#histogram.record(Math.min(HIGHEST_NS, Math.max(1, Math.round(ns))))
  }

  /** Forgets what was gathered. */
  reset(): void {
    this.#histogram.reset()
  }

  /** How what was gathered is spread; undefined when nothing was. */
  distribution(): Distribution | undefined {
    return this.#histogram.count === 0 ? undefined : distributionOf(this.#histogram)
  }

  /** @returns undefined when nothing was gathered. */
  report(): Latency | undefined {
    const histogram = this.#histogram
    if (histogram.count === 0) return undefined
    const at = (percent: number): number => histogram.percentile(percent) / NS_PER_US
    return {
      count: histogram.count,
      min: histogram.min / NS_PER_US,
      mean: histogram.mean / NS_PER_US,
      p50: at(50),
      p90: at(90),
      p99: at(99),
      p999: at(99.9),
      p9999: at(99.99),
      max: histogram.max / NS_PER_US,
    }
  }
}

/** For people, as names and texts. */
export function latencyFields(latency: Latency): [name: string, text: string][] {
  const { min, mean, p50, p90, p99, p999, p9999, max } = latency
  return [
    ['min', microseconds(min)],
    ['mean', microseconds(mean)],
    ['p50', microseconds(p50)],
    ['p90', microseconds(p90)],
    ['p99', microseconds(p99)],
    ['p99.9', microseconds(p999)],
    ['p99.99', microseconds(p9999)],
    ['max', microseconds(max)],
  ]
}

function microseconds(us: number): string {
  return us < 10_000 ? `${us.toFixed(1)} us` : `${(us / 1000).toFixed(1)} ms`
}
