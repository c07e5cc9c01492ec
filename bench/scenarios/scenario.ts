import type { Crew } from './crew.js'
import type { ScenarioColumn, ScenarioResult, ScenarioRow, Target } from './result.js'

/** What a scenario is given. */
export interface Stage {
  readonly crew: Crew
  /** Short windows: the figures are rougher. */
  readonly quick: boolean
  /** Systems that v4vd is compared with take part. */
  readonly peers: boolean
  /** Tells who watches how far it is. */
  readonly note: (line: string) => void
}

/** What a scenario finds out, besides what is known of it before. */
export interface Findings {
  readonly rows: readonly ScenarioRow[]
  readonly targets: readonly Target[]
  readonly notes: readonly string[]
}

/** A measurement that needs more than one flow between two clients. */
export interface Scenario {
  /** Such as `scenario/rules`. */
  readonly name: string
  readonly title: string
  readonly method: string
  readonly columns: readonly ScenarioColumn[]
  /** Longest time that it may take; beyond that it has failed. */
  readonly secondsMax: number
  /** Not in quick runs of everything: short windows would say nothing. */
  readonly isLong?: true
  /** @throws Error with a sentence when something is lost or does not work. */
  run(stage: Stage): Promise<Findings>
}

/** Options of a run of one scenario. */
export interface RunOptions {
  readonly quick: boolean
  readonly peers: boolean
  readonly profileDir?: string | undefined
  readonly note: (line: string) => void
}

/** A scenario's result that only says why there is none. */
export function failedResult(scenario: Scenario, failure: string): ScenarioResult {
  const { name, title, method, columns } = scenario
  return { name, title, method, columns, rows: [], targets: [], notes: [], failure }
}
