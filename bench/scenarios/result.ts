/** One case of a scenario: a row of its table. */
export interface ScenarioRow {
  /** What sets it apart from the others, for people. */
  readonly label: string
  /** By the keys of the scenario's columns; what is not there was not measured. */
  readonly figures: Readonly<Record<string, number>>
  /** What else is to be said of it, such as how a peer let the receiver go. */
  readonly note?: string | undefined
}

/** A column of a scenario's table. */
export interface ScenarioColumn {
  readonly key: string
  /** Heading, with the unit. */
  readonly title: string
}

/** Something that is asked of a figure. A machine may be too slow or too busy for it. */
export interface Target {
  /** What is asked, such as "10,000 rules against 10: difference in throughput at 64 B". */
  readonly text: string
  readonly value: number
  /** Behind the value and the bound, such as `%`. */
  readonly unit: string
  readonly bound: number
  readonly side: 'at most' | 'at least'
}

/** What came out of a scenario. */
export interface ScenarioResult {
  readonly name: string
  readonly title: string
  /** How it was measured, in a few sentences. */
  readonly method: string
  readonly columns: readonly ScenarioColumn[]
  readonly rows: readonly ScenarioRow[]
  readonly targets: readonly Target[]
  /** What was left out, and why. */
  readonly notes: readonly string[]
  /** Why it does not count: something was lost, or did not work at all. */
  readonly failure?: string | undefined
}

/** True when the figure is what was asked. */
export function isReached({ value, bound, side }: Target): boolean {
  return side === 'at most' ? value <= bound : value >= bound
}
