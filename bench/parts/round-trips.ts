import { createHistogram } from 'node:perf_hooks'
import type { Latency } from '../protocol.js'

const NS_PER_MS = 1e6
const NS_PER_US = 1e3
/** Longer than any trial may take. */
const HIGHEST_NS = 600e9

/** Times round trips one after the other. */
export class RoundTrips {
  readonly #histogram = createHistogram({ lowest: 1, highest: HIGHEST_NS, figures: 3 })
  #leftMs = 0

  /** A datagram leaves now. */
  leave(): void {
    this.#leftMs = performance.now()
  }

  /** It is back. */
  arrive(): void {
    this.#histogram.record(Math.max(1, Math.round((performance.now() - this.#leftMs) * NS_PER_MS)))
  }

  /** Those since the last call. */
  take(): Latency {
    const histogram = this.#histogram
    const latency = {
      count: histogram.count,
      min: histogram.min / NS_PER_US,
      p50: histogram.percentile(50) / NS_PER_US,
      p99: histogram.percentile(99) / NS_PER_US,
      p999: histogram.percentile(99.9) / NS_PER_US,
      max: histogram.max / NS_PER_US,
    }
    histogram.reset()
    return latency
  }
}
