import { setTimeout as sleep } from 'node:timers/promises'
import { bytesText } from '../trials.js'
import type { SinkCommands } from './actors/sinks.js'
import type { SourceCommands } from './actors/sources.js'
import { BenchDaemon, policyOf, rulesOf } from './bench-daemon.js'
import { FullFlow, fullFlowRule } from './full-flow.js'
import { Compared, comparedColumns, thereAndBack } from './paired.js'
import type { ScenarioRow, Target } from './result.js'
import type { Findings, Scenario, Stage } from './scenario.js'
import { expectAll } from './windows.js'

const TABLES = [10, 100, 1_000, 10_000]
/** These are compared in every round, the others only shown. */
const [FEWEST, MOST] = [10, 10_000]
/** Rounds from one with all tables to the next. */
const ALL_TABLES_EVERY = 4
const PAYLOADS_BYTES = [64, 1024]
const DIFFERENCE_PERCENT_MAX = 5
/** From a change of the policy to the window: what it leaves to be done is no cost of its rules. */
const SETTLE_MS = 500

/** Throughput by the number of rules in front of the one that matches. */
export const rulesScenario: Scenario = {
  name: 'scenario/rules',
  title: 'Cost by the number of rules',
  method:
    'One daemon, whose policy is replaced over REST half a second before the windows, with the ' +
    'accepting rule as the last one of each table; a flow for each payload (Unix socket, `trySend`, `batches()`), of ' +
    'which one at a time is at work. A round goes through the tables and back again, so that a ' +
    'machine that gets slower or faster on the way does so for all of them; figures are medians, ' +
    'and the difference is the median of those within a round, with the lowest and the highest.',
  columns: [{ key: 'rules', title: 'rules' }, ...comparedColumns('with 10 rules')],
  secondsMax: 300,
  run,
}

interface Case {
  readonly rules: number
  readonly flow: Compared
}

async function run({ crew, quick, note }: Stage): Promise<Findings> {
  const [rounds, seconds] = quick ? [2, 0.1] : [10, 0.3]
  const payloads = quick ? PAYLOADS_BYTES.slice(0, 1) : PAYLOADS_BYTES
  const accept = payloads.map(fullFlowRule)
  const daemon = await BenchDaemon.start(crew, 'daemon', policyOf(0, accept))
  const sources = crew.actor<SourceCommands>('sources')
  const sinks = crew.actor<SinkCommands>('sinks')
  const flows = new Map<number, FullFlow>()
  for (const bytes of payloads) {
    flows.set(bytes, await FullFlow.open(daemon, 'rules', { sources, sinks }, bytes))
  }
  const cases: Case[] = TABLES.flatMap(rules =>
    payloads.map(payloadBytes => ({ rules, flow: new Compared(payloadBytes) })),
  )
  // The first round is warm-up.
  for (let round = 0; round <= rounds; round++) {
    note(`${round} of ${rounds} rounds`)
    const tables = !quick && round % ALL_TABLES_EVERY === 1 ? TABLES : [FEWEST, MOST]
    for (const rules of thereAndBack(tables)) {
      await daemon.replacePolicy(rulesOf(rules - accept.length, accept))
      await sleep(SETTLE_MS)
      for (const one of cases) {
        if (one.rules !== rules) continue
        const window = await flows.get(one.flow.payloadBytes)!.measure(seconds)
        if (round > 0) one.flow.add(round, window)
      }
    }
  }
  await expectAll(sources, sinks)
  const measured = cases.filter(({ flow }) => !flow.rates.isEmpty)
  const baseOf = (bytes: number): Compared =>
    measured.find(({ rules, flow }) => rules === FEWEST && flow.payloadBytes === bytes)!.flow
  const rows = measured.map(({ rules, flow }): ScenarioRow => {
    const { payloadBytes } = flow
    const figures = { rules, ...flow.figures(baseOf(payloadBytes)) }
    return { label: `${rules} rules, ${bytesText(payloadBytes)}`, figures }
  })
  return { rows, targets: targetsOf(rows), notes: [] }
}

function targetsOf(rows: readonly ScenarioRow[]): Target[] {
  return rows
    .filter(({ figures }) => figures['rules'] === MOST)
    .map(({ figures }) => ({
      text: `10,000 rules against 10 at ${bytesText(figures['payloadBytes']!)}: throughput lost`,
      value: figures['differencePercent']!,
      unit: '%',
      bound: DIFFERENCE_PERCENT_MAX,
      side: 'at most',
    }))
}
