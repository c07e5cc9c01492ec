import { setTimeout as sleep } from 'node:timers/promises'
import { bytesText } from '../trials.js'
import { spreadOf } from '../statistics.js'
import type { SinkCommands } from './actors/sinks.js'
import type { SourceCommands } from './actors/sources.js'
import { BenchDaemon, policyOf } from './bench-daemon.js'
import type { Actor } from './crew.js'
import type { ScenarioRow, Target } from './result.js'
import type { Findings, Scenario, Stage } from './scenario.js'
import { cpuUsBetween, expectAll, measureRate } from './windows.js'

const TABLES = [10, 100, 1_000, 10_000]
const TABLES_QUICK = [10, 10_000]
const PAYLOADS_BYTES = [64, 1024]
const PORT = 5000
const DIFFERENCE_PERCENT_MAX = 5
/** Rows of datagrams under way when a flow starts or ends are no part of a window. */
const SETTLE_MS = 50

/** Throughput by the number of rules in front of the one that matches. */
export const rulesScenario: Scenario = {
  name: 'scenario/rules',
  title: 'Cost by the number of rules',
  method:
    'One daemon for each table, all in the same run, with the accepting rule as the last one of its table; ' +
    'the same source process and the same sink process (Unix socket, `trySend`, `batches()`) have ' +
    'a flow over each of them, of which one at a time is at work. The windows go round, so that a slow ' +
    'second of the machine meets all tables; figures are medians, and the difference is the median of ' +
    'those within a round.',
  columns: [
    { key: 'rules', title: 'rules' },
    { key: 'payloadBytes', title: 'payload, bytes' },
    { key: 'datagramsPerSecond', title: 'datagrams/s' },
    { key: 'daemonCpuUs', title: 'daemon CPU µs per datagram' },
    { key: 'differencePercent', title: 'less than with 10 rules, %' },
  ],
  secondsMax: 300,
  run,
}

interface Flow {
  readonly rules: number
  readonly payloadBytes: number
  readonly name: string
  readonly daemon: BenchDaemon
  readonly rates: number[]
  readonly cpuUs: number[]
}

async function run({ crew, quick, note }: Stage): Promise<Findings> {
  const [rounds, seconds] = quick ? [3, 0.2] : [15, 0.5]
  const sources = crew.actor<SourceCommands>('sources')
  const sinks = crew.actor<SinkCommands>('sinks')
  const flows: Flow[] = []
  for (const rules of quick ? TABLES_QUICK : TABLES) {
    const sourceNames = PAYLOADS_BYTES.map(bytes => `source-${bytes}`)
    const accept = sourceNames.map((name, i) => `${name}:* -> sink-${PAYLOADS_BYTES[i]!}:${PORT}`)
    const policy = policyOf(rules - accept.length, accept)
    const daemon = await BenchDaemon.start(crew, `rules-${rules}`, policy)
    await daemon.addDomains([...sourceNames, ...PAYLOADS_BYTES.map(bytes => `sink-${bytes}`)])
    for (const payloadBytes of PAYLOADS_BYTES) {
      flows.push(await openFlow(daemon, sources, sinks, rules, payloadBytes))
    }
  }
  // The first round is warm-up.
  for (let round = 0; round <= rounds; round++) {
    note(`${round} of ${rounds} rounds`)
    for (const flow of turned(flows, round)) {
      await measure(flow, sources, sinks, seconds, round > 0)
    }
  }
  await expectAll(sources, sinks)
  return { rows: flows.map(flow => rowOf(flow, flows)), targets: targetsOf(flows), notes: [] }
}

async function openFlow(
  daemon: BenchDaemon,
  sources: Actor<SourceCommands>,
  sinks: Actor<SinkCommands>,
  rules: number,
  payloadBytes: number,
): Promise<Flow> {
  const name = `${rules}-${payloadBytes}`
  const to = `sink-${payloadBytes}:${PORT}`
  const sink = { name, door: daemon.door(`sink-${payloadBytes}`), port: PORT, payloadBytes }
  await sinks.call('attach', [{ ...sink, size: '4MiB' }])
  const door = daemon.door(`source-${payloadBytes}`)
  const pace = { kind: 'full' } as const
  await sources.call('attach', [{ name, door, port: PORT, to, payloadBytes, pace }])
  return { rules, payloadBytes, name, daemon, rates: [], cpuUs: [] }
}

/** No table is always the one that comes after the same other. */
function turned<T>(items: readonly T[], by: number): T[] {
  const start = by % items.length
  return [...items.slice(start), ...items.slice(0, start)]
}

async function measure(
  { name, daemon, rates, cpuUs }: Flow,
  sources: Actor<SourceCommands>,
  sinks: Actor<SinkCommands>,
  seconds: number,
  counts: boolean,
): Promise<void> {
  await sources.call('start', [name])
  await sleep(SETTLE_MS)
  const before = await daemon.actor.call('usage')
  const rate = await measureRate(sinks, seconds, name)
  const after = await daemon.actor.call('usage')
  await sources.call('stop', [name])
  await sleep(SETTLE_MS)
  if (rate === 0) throw new Error('no datagram arrived')
  if (!counts) return
  rates.push(rate)
  cpuUs.push(cpuUsBetween(before, after, rate))
}

function rateOf(flow: Flow): number {
  return spreadOf(flow.rates).median
}

/** By how much a table is slower than that of the fewest rules, in percent of each round. */
function differenceOf(flow: Flow, flows: readonly Flow[]): number {
  const base = flows.find(
    ({ rules, payloadBytes }) => rules === TABLES[0] && payloadBytes === flow.payloadBytes,
  )!
  return spreadOf(flow.rates.map((rate, round) => (1 - rate / base.rates[round]!) * 100)).median
}

function rowOf(flow: Flow, flows: readonly Flow[]): ScenarioRow {
  const { rules, payloadBytes, cpuUs } = flow
  return {
    label: `${rules} rules, ${bytesText(payloadBytes)}`,
    figures: {
      rules,
      payloadBytes,
      datagramsPerSecond: rateOf(flow),
      daemonCpuUs: spreadOf(cpuUs).median,
      differencePercent: differenceOf(flow, flows),
    },
  }
}

function targetsOf(flows: readonly Flow[]): Target[] {
  return flows
    .filter(({ rules }) => rules === TABLES.at(-1))
    .map(flow => ({
      text: `10,000 rules against 10 at ${bytesText(flow.payloadBytes)}: throughput lost`,
      value: differenceOf(flow, flows),
      unit: '%',
      bound: DIFFERENCE_PERCENT_MAX,
      side: 'at most',
    }))
}
