import { baselineOf, findGoodTrial, rateRatioOf, timeRatioOf } from './figures.js'
import type { Results } from './results.js'
import type { Spread } from './statistics.js'
import { bytesText, PAYLOADS_BYTES, SYSTEMS, type Trial } from './trials.js'
import { ratioText, table } from './text.js'

/** What v4vd is to be measured against. */
const AGAINST = 'nats'

/** At least so many times its datagrams in the same rounds, by payload. */
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

/** True for a trial of which something is asked, and that is measured the longer for it. */
export function hasTarget({ system, measure, payloadBytes }: Trial): boolean {
  return measure === 'throughput'
    ? system.name in THROUGHPUT
    : system.name in ROUND_TRIP && payloadBytes === PAYLOADS_BYTES[0]
}

/** What v4vd is to reach, beside what it did. @returns nothing where there is nothing to compare. */
export function targetsMarkdown(results: Results): string[] {
  const [rates, times] = [throughputRows(results), roundTripRows(results)]
  if (rates.length + times.length === 0 || baselineOf(results)?.name !== AGAINST) return []
  return [
    '### What is asked of it',
    'Times NATS in the same rounds of this run (the median of the rounds, the lowest and the ' +
      'highest), and what is asked: at least so many times its datagrams, at most so many times ' +
      'its time there and back.',
    table(['datagrams/s', ...PAYLOADS_BYTES.map(bytesText)], rates),
    table([`round trip, ${bytesText(PAYLOADS_BYTES[0]!)}`, 'p50', 'p99'], times),
  ]
}

function throughputRows(results: Results): string[][] {
  return Object.entries(THROUGHPUT)
    .map(([system, asked]) => [
      titleOf(system),
      ...PAYLOADS_BYTES.map((bytes, i) => {
        const result = findGoodTrial(results, system, 'throughput', bytes)
        const ratio = result && rateRatioOf(result)
        return targetText(ratio, `at least ${asked[i]!}x`, ({ median }) => median >= asked[i]!)
      }),
    ])
    .filter(hasFigures)
}

function roundTripRows(results: Results): string[][] {
  return Object.entries(ROUND_TRIP)
    .map(([system, p50Max]) => [
      titleOf(system),
      ...(['p50', 'p99'] as const).map(percentile => {
        const result = findGoodTrial(results, system, 'round-trip', PAYLOADS_BYTES[0]!)
        const ratio = result && timeRatioOf(result, percentile)
        const asked = percentile === 'p50' ? p50Max : P99_MAX
        return targetText(ratio, `at most ${asked}x`, ({ median }) => median <= asked)
      }),
    ])
    .filter(hasFigures)
}

function targetText(
  ratio: Spread | undefined,
  asked: string,
  isReached: (ratio: Spread) => boolean,
): string {
  if (ratio === undefined) return ''
  return `${ratioText(ratio)}, ${asked}: ${isReached(ratio) ? 'yes' : '**no**'}`
}

function titleOf(name: string): string {
  return SYSTEMS.find(system => system.name === name)!.title
}

function hasFigures(row: readonly string[]): boolean {
  return row.slice(1).some(cell => cell !== '')
}
