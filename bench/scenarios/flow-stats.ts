import { setTimeout as sleep } from 'node:timers/promises'
import { spreadOf } from '../statistics.js'
import { bytesText } from '../trials.js'
import type { SinkCommands } from './actors/sinks.js'
import type { SourceCommands } from './actors/sources.js'
import type { ViewerCommands } from './actors/viewer.js'
import { BenchDaemon, policyOf } from './bench-daemon.js'
import type { Actor } from './crew.js'
import type { ScenarioRow, Target } from './result.js'
import type { Findings, Scenario, Stage } from './scenario.js'
import { cpuUsBetween, expectAll, measureRate } from './windows.js'

const PAYLOADS_BYTES = [64, 1024]
const PORT = 5000
const RULES = 100
/** What there is to be seen: refusals each second beside the flow. */
const REFUSALS_PER_SECOND = 1_000
const DIFFERENCE_PERCENT_MAX = 5
const SETTLE_MS = 100

/** What it costs the flows that somebody looks on. */
export const flowStatsScenario: Scenario = {
  name: 'scenario/flow-stats',
  title: 'Flow log and counters, with and without a viewer',
  method:
    `One flow at full speed (Unix socket, \`trySend\`, \`batches()\`, ${RULES + 1} rules), beside it a domain whose ` +
    `${REFUSALS_PER_SECOND} datagrams a second are refused. Windows with a viewer in a process of its own ` +
    '(server-sent events of the flow log, counters once a second) and windows without take turns; ' +
    'figures are medians, and the difference is the median of those between neighbours.',
  columns: [
    { key: 'payloadBytes', title: 'payload, bytes' },
    { key: 'offPerSecond', title: 'datagrams/s, no viewer' },
    { key: 'onPerSecond', title: 'datagrams/s, viewer' },
    { key: 'differencePercent', title: 'less with a viewer, %' },
    { key: 'offCpuUs', title: 'daemon CPU µs per datagram, no viewer' },
    { key: 'onCpuUs', title: 'daemon CPU µs per datagram, viewer' },
    { key: 'eventsPerSecond', title: 'events shown/s' },
  ],
  secondsMax: 240,
  run,
}

/** One window. */
interface Window {
  readonly perSecond: number
  readonly cpuUs: number
}

interface Pair {
  readonly off: Window
  readonly on: Window
}

async function run({ crew, quick, note }: Stage): Promise<Findings> {
  const [rounds, seconds] = quick ? [3, 0.25] : [15, 1]
  const sources = crew.actor<SourceCommands>('sources')
  const sinks = crew.actor<SinkCommands>('sinks')
  const viewer = crew.actor<ViewerCommands>('viewer')
  const policy = policyOf(RULES, [`source:* -> sink:${PORT}-${PORT + 1}`])
  const daemon = await BenchDaemon.start(crew, 'daemon', policy)
  await daemon.addDomains(['source', 'sink', 'stranger'])
  await openFlows(daemon, sources, sinks)
  await sources.call('start', ['stranger'])
  const rows: ScenarioRow[] = []
  for (const payloadBytes of PAYLOADS_BYTES) {
    const name = `source-${payloadBytes}`
    await sources.call('start', [name])
    const before = await viewer.call('seen')
    const pairs: Pair[] = []
    // The first round is warm-up.
    for (let round = 0; round <= rounds; round++) {
      note(`${bytesText(payloadBytes)}, ${round} of ${rounds} rounds`)
      const pair = await measurePair(daemon, sinks, viewer, `sink-${payloadBytes}`, seconds, round)
      if (round > 0) pairs.push(pair)
    }
    await sources.call('stop', [name])
    const { flows, lost } = await viewer.call('seen')
    if (flows === before.flows) throw new Error('the viewer was shown nothing')
    if (lost > 0) throw new Error(`the viewer was too slow for ${lost} events`)
    const viewedSeconds = (rounds + 1) * (seconds + SETTLE_MS / 1000)
    rows.push(rowOf(payloadBytes, pairs, (flows - before.flows) / viewedSeconds))
  }
  const flowing = PAYLOADS_BYTES.map(bytes => `source-${bytes}`)
  await expectAll(sources, sinks, undefined, flowing)
  const { stranger } = await sources.call('counts')
  if (stranger!.refused === 0) throw new Error('nothing was refused')
  return { rows, targets: rows.map(targetOf), notes: [] }
}

async function openFlows(
  daemon: BenchDaemon,
  sources: Actor<SourceCommands>,
  sinks: Actor<SinkCommands>,
): Promise<void> {
  const full = { kind: 'full' } as const
  for (const [i, payloadBytes] of PAYLOADS_BYTES.entries()) {
    const port = PORT + i
    const door = daemon.door('sink')
    await sinks.call('attach', [
      { name: `sink-${payloadBytes}`, door, port, payloadBytes, size: '4MiB' },
    ])
    const source = { name: `source-${payloadBytes}`, door: daemon.door('source'), port }
    await sources.call('attach', [{ ...source, to: `sink:${port}`, payloadBytes, pace: full }])
  }
  const pace = { kind: 'rate', perSecond: REFUSALS_PER_SECOND } as const
  const stranger = { name: 'stranger', door: daemon.door('stranger'), port: PORT, payloadBytes: 64 }
  await sources.call('attach', [{ ...stranger, to: `sink:${PORT}`, pace, mayBeRefused: true }])
}

async function measurePair(
  daemon: BenchDaemon,
  sinks: Actor<SinkCommands>,
  viewer: Actor<ViewerCommands>,
  sink: string,
  seconds: number,
  round: number,
): Promise<Pair> {
  const measureOff = async (): Promise<Window> => {
    await sleep(SETTLE_MS)
    const before = await daemon.actor.call('usage')
    const rate = await measureRate(sinks, seconds, sink)
    return { perSecond: rate, cpuUs: cpuUsBetween(before, await daemon.actor.call('usage'), rate) }
  }
  const measureOn = async (): Promise<Window> => {
    await viewer.call('open', { url: daemon.url, token: daemon.token })
    const window = await measureOff()
    await viewer.call('close')
    return window
  }
  // Neither is always the first.
  if (round % 2 === 0) return { off: await measureOff(), on: await measureOn() }
  const on = await measureOn()
  return { off: await measureOff(), on }
}

function rowOf(payloadBytes: number, pairs: readonly Pair[], eventsPerSecond: number): ScenarioRow {
  const medianOf = (value: (pair: Pair) => number): number => spreadOf(pairs.map(value)).median
  return {
    label: bytesText(payloadBytes),
    figures: {
      payloadBytes,
      offPerSecond: medianOf(({ off }) => off.perSecond),
      onPerSecond: medianOf(({ on }) => on.perSecond),
      differencePercent: medianOf(({ off, on }) => (1 - on.perSecond / off.perSecond) * 100),
      offCpuUs: medianOf(({ off }) => off.cpuUs),
      onCpuUs: medianOf(({ on }) => on.cpuUs),
      eventsPerSecond,
    },
  }
}

function targetOf({ label, figures }: ScenarioRow): Target {
  return {
    text: `A viewer of the flow log and counters at ${label}: throughput lost`,
    value: figures['differencePercent']!,
    unit: '%',
    bound: DIFFERENCE_PERCENT_MAX,
    side: 'at most',
  }
}
