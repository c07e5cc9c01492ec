import type { Beside, Repeat, Results, TrialResult } from './results.js'
import { spreadOf, type Spread } from './statistics.js'
import { BASELINES, SYSTEMS, type System } from './trials.js'

/** What the others are compared with in this run, if it was there. */
export function baselineOf({ trials }: Results): System | undefined {
  const name = BASELINES.find(baseline => trials.some(({ system }) => system === baseline))
  return SYSTEMS.find(system => system.name === name)
}

/** The trial of a system, if there was one. */
export function findTrial(
  { trials }: Results,
  system: string,
  measure: TrialResult['measure'],
  bytes: number,
): TrialResult | undefined {
  return trials.find(
    trial => trial.system === system && trial.payloadBytes === bytes && trial.measure === measure,
  )
}

/** The same, but only if all its datagrams came, in order. */
export function findGoodTrial(...args: Parameters<typeof findTrial>): TrialResult | undefined {
  const result = findTrial(...args)
  return result?.failure === undefined ? result : undefined
}

/** The middle of a figure over the windows of a trial. */
export function medianOf(result: TrialResult, value: (repeat: Repeat) => number): number {
  return spreadOf(result.repeats.map(value)).median
}

/** Medians of p50, p99 and p99.9 over the windows. */
export function latenciesOf(result: TrialResult): [number, number, number] {
  return [
    medianOf(result, repeat => repeat.latencyUs!.p50),
    medianOf(result, repeat => repeat.latencyUs!.p99),
    medianOf(result, repeat => repeat.latencyUs!.p999),
  ]
}

/** How many times the datagrams of the baseline came in the same rounds. */
export function rateRatioOf(result: TrialResult): Spread | undefined {
  return ratioOf(
    result,
    repeat => repeat.datagramsPerSecond,
    beside => beside.datagramsPerSecond,
  )
}

/** How many times as long as with the baseline a round trip took in the same rounds. */
export function timeRatioOf(result: TrialResult, percentile: 'p50' | 'p99'): Spread | undefined {
  return ratioOf(
    result,
    repeat => repeat.latencyUs![percentile],
    beside => beside.latencyUs![percentile],
  )
}

/** Each window against what was beside it. @returns nothing where nothing was. */
function ratioOf(
  { repeats }: TrialResult,
  value: (repeat: Repeat) => number,
  besideOf: (beside: Beside) => number,
): Spread | undefined {
  const ratios = repeats.flatMap(repeat =>
    repeat.beside === undefined ? [] : [value(repeat) / besideOf(repeat.beside)],
  )
  return ratios.length === 0 ? undefined : spreadOf(ratios)
}
