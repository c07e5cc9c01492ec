import type { Repeat, Results, TrialResult } from './results.js'
import { spreadOf } from './statistics.js'

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
