import type { Histogram } from 'node:perf_hooks'
import { NS_PER_US } from './units.js'

/** Rows for each half of what is left to 100 %, as HdrHistogram has it unless told. */
const ROWS_PER_HALF = 5

/** How many times were no longer than this. */
export interface DistributionRow {
  /** Microseconds. */
  readonly us: number
  /** From 0 to 1. */
  readonly percentile: number
  /** Exact, as far as the value is. */
  readonly count: number
}

/** How times are spread, finer towards the longest: what HdrHistogram writes into its files. */
export interface Distribution {
  readonly rows: readonly DistributionRow[]
  /** These are microseconds. */
  readonly mean: number
  readonly deviation: number
  readonly max: number
  readonly count: number
}

/** @param histogram of nanoseconds, with at least one. */
export function distributionOf(histogram: Histogram): Distribution {
  const { count } = histogram
  const rows: DistributionRow[] = []
  for (let percent = 0; ; percent += stepAt(percent)) {
    const ns = percent === 0 ? histogram.percentile(100 / count) : histogram.percentile(percent)
    const until = countUntil(histogram, ns, percent)
    const isLast = until === count
    rows.push({ us: ns / NS_PER_US, percentile: isLast ? 1 : percent / 100, count: until })
    if (isLast) break
  }
  const { mean, stddev, max } = histogram
  return {
    rows,
    mean: mean / NS_PER_US,
    deviation: stddev / NS_PER_US,
    max: max / NS_PER_US,
    count,
  }
}

/** A percentile file (.hgrm) as HdrHistogram's outputPercentileDistribution writes it. */
export function hgrmText({ rows, mean, deviation, max, count }: Distribution): string {
  const line = (value: string, percentile: string, total: string, inverse: string): string =>
    `${value.padStart(12)} ${percentile} ${total.padStart(10)} ${inverse.padStart(14)}`.trimEnd()
  const number = (value: number): string => value.toFixed(3).padStart(12)
  return [
    line('Value', 'Percentile'.padStart(14), 'TotalCount', '1/(1-Percentile)'),
    '',
    ...rows.map(({ us, percentile, count: total }) =>
      line(
        us.toFixed(3),
        percentile.toFixed(12),
        String(total),
        percentile === 1 ? '' : (1 / (1 - percentile)).toFixed(2),
      ),
    ),
    `#[Mean    = ${number(mean)}, StdDeviation   = ${number(deviation)}]`,
    `#[Max     = ${number(max)}, Total count    = ${String(count).padStart(12)}]`,
    '# Values are microseconds.',
    '',
  ].join('\n')
}

function stepAt(percent: number): number {
  const halves = 2 ** (Math.floor(Math.log2(100 / (100 - percent))) + 1)
  return 100 / (ROWS_PER_HALF * halves)
}

/** How many there are up to a value: the histogram is asked, which has no count by value. */
function countUntil(histogram: Histogram, ns: number, percent: number): number {
  const { count } = histogram
  let low = Math.max(1, Math.floor((percent / 100) * count))
  let high = count
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if (histogram.percentile((100 * middle) / count) <= ns) low = middle
    else high = middle - 1
  }
  return low
}
