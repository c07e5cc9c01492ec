import { findGoodTrial, latenciesOf, medianOf } from './figures.js'
import type { Results } from './results.js'
import { bytesText, PAYLOADS_BYTES } from './trials.js'
import { ratio, table } from './text.js'

/** What v4vd is to be measured against, in the same run. */
const AGAINST = 'nats'

/** At least so many times its datagrams, by payload. */
const THROUGHPUT: Readonly<Record<string, readonly number[]>> = {
  'v4vd-unix-batches': [8, 4, 4, 6],
  'v4vd-shm-batches': [10, 12, 18, 25],
  'v4vd-unix-one-by-one': [2, 2, 3, 5],
  'v4vd-ws-batches': [2, 1.5, 1.2, 1.2],
}

/** At most this part of its median time there and back, with the smallest payload. */
const ROUND_TRIP: Readonly<Record<string, number>> = {
  'v4vd-unix-batches': 0.6,
  'v4vd-unix-polling': 0.35,
  'v4vd-shm-polling': 0.12,
}
const P99_MAX = 1

/** What v4vd is to reach, beside what it did. @returns nothing where there is nothing to compare. */
export function targetsMarkdown(results: Results): string[] {
  const measured = [...throughputRows(results), ...roundTripRows(results)]
  if (measured.length === 0) return []
  return [
    '### Targets',
    'Times NATS in this run, and what is asked: at least so much of throughput, at most so much of ' +
      'the time there and back.',
    table(['', ...PAYLOADS_BYTES.map(bytesText)], throughputRows(results)),
    table(['', 'p50', 'p99'], roundTripRows(results)),
  ]
}

function throughputRows(results: Results): string[][] {
  const rateOf = (system: string, bytes: number): number | undefined => {
    const result = findGoodTrial(results, system, 'throughput', bytes)
    return result && medianOf(result, repeat => repeat.datagramsPerSecond)
  }
  return Object.entries(THROUGHPUT)
    .map(([system, asked]) => [
      system,
      ...PAYLOADS_BYTES.map((bytes, i) => {
        const [value, against] = [rateOf(system, bytes), rateOf(AGAINST, bytes)]
        if (value === undefined || against === undefined) return ''
        return targetText(value, against, asked[i]!, value / against >= asked[i]!)
      }),
    ])
    .filter(hasFigures)
}

function roundTripRows(results: Results): string[][] {
  const timesOf = (system: string): readonly number[] | undefined => {
    const result = findGoodTrial(results, system, 'round-trip', PAYLOADS_BYTES[0]!)
    return result && latenciesOf(result)
  }
  const against = timesOf(AGAINST)
  return Object.entries(ROUND_TRIP)
    .map(([system, p50Max]) => [
      system,
      ...[p50Max, P99_MAX].map((asked, i) => {
        const value = timesOf(system)
        if (value === undefined || against === undefined) return ''
        return targetText(value[i]!, against[i]!, asked, value[i]! / against[i]! <= asked)
      }),
    ])
    .filter(hasFigures)
}

function targetText(value: number, against: number, asked: number, isReached: boolean): string {
  return `${ratio(value, against)} of ${asked}x${isReached ? '' : ', not reached'}`
}

function hasFigures(row: readonly string[]): boolean {
  return row.slice(1).some(cell => cell !== '')
}
