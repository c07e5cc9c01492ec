import type { LookupCommands, LookupTimes } from './actors/lookup.js'
import type { ScenarioRow, Target } from './result.js'
import type { Findings, Scenario, Stage } from './scenario.js'

const TABLES = [10, 100, 1_000, 10_000]
const P50_US_MAX = 0.5
const DIFFERENCE_PERCENT_MAX = 20
/** In each table; those are the flows that all tables are asked for. */
const SAME_FLOWS = TABLES[0]!

/** What it costs to decide a flow for the first time, before any cache knows it. */
export const lookupScenario: Scenario = {
  name: 'scenario/lookup',
  title: 'Deciding a flow by the number of rules',
  method:
    'The compiled table alone, in a process of its own, without the cache of flows in front of it: rules ' +
    'such as `accept web17:* -> db42:5017`, of 500 sources and 701 destinations. Lookups are timed in runs ' +
    'of 64, the tables take turns; figures are of the time of one lookup, and the difference is the median of those within a turn. "Same flows" are ten that each ' +
    'table has a rule for, so that what differs is the number of other rules; "any flow" are those of ' +
    'rules from all over the table, where memory that is not in the processor’s caches counts, too.',
  columns: [
    { key: 'rules', title: 'rules' },
    { key: 'sameP50Us', title: 'same flows, p50 µs' },
    { key: 'sameP99Us', title: 'p99 µs' },
    { key: 'differencePercent', title: 'more than with 10 rules, %' },
    { key: 'anyP50Us', title: 'any flow, p50 µs' },
    { key: 'anyP99Us', title: 'p99 µs' },
  ],
  secondsMax: 60,
  run,
}

async function run({ crew, quick }: Stage): Promise<Findings> {
  const actor = crew.actor<LookupCommands>('lookup')
  const runs = quick ? 4_000 : 40_000
  const times = await actor.call('measure', TABLES, SAME_FLOWS, runs)
  const rows = times.map((one, i) => rowOf(TABLES[i]!, one))
  const { anyP50Us, differencePercent } = rows.at(-1)!.figures
  const targets: Target[] = [
    {
      text: 'Deciding a flow with 10,000 rules, p50',
      value: anyP50Us!,
      unit: 'µs',
      bound: P50_US_MAX,
      side: 'at most',
    },
    {
      text: 'The same flows with 10,000 rules, more than with 10',
      value: differencePercent!,
      unit: '%',
      bound: DIFFERENCE_PERCENT_MAX,
      side: 'at most',
    },
  ]
  return { rows, targets, notes: [] }
}

function rowOf(rules: number, { same, any, differencePercent }: LookupTimes): ScenarioRow {
  return {
    label: `${rules} rules`,
    figures: {
      rules,
      sameP50Us: same.p50Us,
      sameP99Us: same.p99Us,
      differencePercent,
      anyP50Us: any.p50Us,
      anyP99Us: any.p99Us,
    },
  }
}
