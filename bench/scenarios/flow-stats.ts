import { setTimeout as sleep } from 'node:timers/promises'
import type { Limits } from '../../src/abi/limits.js'
import { bytesText } from '../trials.js'
import type { SinkCommands } from './actors/sinks.js'
import type { SourceCommands } from './actors/sources.js'
import type { ViewerCommands } from './actors/viewer.js'
import { BenchDaemon, policyOf } from './bench-daemon.js'
import type { Actor, Crew } from './crew.js'
import { FullFlow, fullFlowRule, type FlowEnds } from './full-flow.js'
import { Compared, comparedColumns, thereAndBack } from './paired.js'
import type { ScenarioRow, Target } from './result.js'
import type { Findings, Scenario, Stage } from './scenario.js'
import { openStranger } from './stranger.js'
import { expectAll } from './windows.js'

const PAYLOADS_BYTES = [64, 1024]
const RULES = 100
const DIFFERENCE_PERCENT_MAX = 5
const VIEWER_SETTLE_MS = 60
/** Two daemons of each kind: no process is quite as fast as another that does the same. */
const DAEMONS = ['first', 'second']

/** What is on besides the policy and its counters, which always are. */
const MODES = {
  off: 'without flow history',
  history: 'with flow history, as by default',
  viewer: 'with flow history and a viewer of the flow log',
} as const
type Mode = keyof typeof MODES

/** What it costs the flows that their statistics are kept, and that somebody looks on. */
export const flowStatsScenario: Scenario = {
  name: 'scenario/flow-stats',
  title: 'Flow statistics on and off',
  method:
    `One flow at full speed (Unix socket, \`trySend\`, \`batches()\`, ${RULES + 1} rules), and beside it a ` +
    'domain whose 1000 datagrams a second are refused: over a daemon that keeps no history of flows ' +
    '(`limits.flowHistoryBytesMax: 0`), over one that does, and over the latter while a process of its own ' +
    'follows the flow log (server-sent events) and asks for the counters once a second. There are two ' +
    'daemons of each kind, and a round goes through all of them and back again; figures are medians, and ' +
    'the difference is the median of those within a round, with the lowest and the highest. The counters ' +
    'of rules are always on.',
  columns: comparedColumns('without history'),
  secondsMax: 240,
  run,
}

interface Case {
  readonly mode: Mode
  readonly flow: Compared
}

/** A flow over one of the daemons. */
interface Place {
  readonly mode: Mode
  readonly daemon: BenchDaemon
  readonly flows: ReadonlyMap<number, FullFlow>
}

async function run({ crew, quick, note }: Stage): Promise<Findings> {
  const [rounds, seconds] = quick ? [2, 0.1] : [5, 0.25]
  const payloads = quick ? PAYLOADS_BYTES.slice(0, 1) : PAYLOADS_BYTES
  const sources = crew.actor<SourceCommands>('sources')
  const sinks = crew.actor<SinkCommands>('sinks')
  const viewer = crew.actor<ViewerCommands>('viewer')
  const names = quick ? DAEMONS.slice(0, 1) : DAEMONS
  const places = await openPlaces(crew, { sources, sinks }, payloads, names)
  const cases: Case[] = payloads.flatMap(payloadBytes =>
    (Object.keys(MODES) as Mode[]).map(mode => ({ mode, flow: new Compared(payloadBytes) })),
  )
  // The first round is warm-up.
  for (let round = 0; round <= rounds; round++) {
    note(`${round} of ${rounds} rounds`)
    for (const payloadBytes of payloads) {
      for (const place of thereAndBack(places)) {
        const window = await measure(place, viewer, payloadBytes, seconds)
        if (round > 0) caseOf(cases, place.mode, payloadBytes).add(round, window)
      }
    }
  }
  const { flows, lost } = await viewer.call('seen')
  if (flows === 0) throw new Error('the viewer was shown nothing')
  if (lost > 0) throw new Error(`the viewer was too slow for ${lost} events`)
  await expectAll(sources, sinks, undefined, namesOf(places))
  const rows = cases.map(({ mode, flow }): ScenarioRow => {
    const { payloadBytes } = flow
    const figures = flow.figures(caseOf(cases, 'off', payloadBytes))
    return { label: `${bytesText(payloadBytes)}, ${MODES[mode]}`, figures }
  })
  return { rows, targets: targetsOf(cases), notes: [] }
}

/** In the order of a round: each daemon with history has two places, with a viewer and without. */
async function openPlaces(
  crew: Crew,
  ends: FlowEnds,
  payloads: readonly number[],
  names: readonly string[],
): Promise<Place[]> {
  const places: Place[] = []
  for (const name of names) {
    const off = await openPlace(crew, ends, payloads, `off-${name}`, { flowHistoryBytesMax: 0 })
    const on = await openPlace(crew, ends, payloads, `on-${name}`, {})
    places.push({ ...off, mode: 'off' }, { ...on, mode: 'history' }, { ...on, mode: 'viewer' })
  }
  return places
}

async function openPlace(
  crew: Crew,
  ends: FlowEnds,
  payloads: readonly number[],
  key: string,
  limits: Partial<Limits>,
): Promise<Omit<Place, 'mode'>> {
  const policy = policyOf(RULES, payloads.map(fullFlowRule))
  const daemon = await BenchDaemon.start(crew, key, policy, { limits })
  const flows = new Map<number, FullFlow>()
  for (const bytes of payloads) flows.set(bytes, await FullFlow.open(daemon, key, ends, bytes))
  await openStranger(daemon, key, ends.sources, payloads[0]!)
  return { daemon, flows }
}

async function measure(
  { mode, daemon, flows }: Place,
  viewer: Actor<ViewerCommands>,
  payloadBytes: number,
  seconds: number,
): ReturnType<FullFlow['measure']> {
  const flow = flows.get(payloadBytes)!
  if (mode !== 'viewer') return flow.measure(seconds)
  await viewer.call('open', { url: daemon.url, token: daemon.token })
  await sleep(VIEWER_SETTLE_MS)
  const window = await flow.measure(seconds)
  await viewer.call('close')
  return window
}

/** Of the sources of all flows. */
function namesOf(places: readonly Place[]): string[] {
  return [...new Set(places.flatMap(({ flows }) => [...flows.values()]))].map(({ name }) => name)
}

function caseOf(cases: readonly Case[], mode: Mode, payloadBytes: number): Compared {
  return cases.find(one => one.mode === mode && one.flow.payloadBytes === payloadBytes)!.flow
}

function targetsOf(cases: readonly Case[]): Target[] {
  const less = (mode: Mode, than: Mode, payloadBytes: number): number => {
    const base = caseOf(cases, than, payloadBytes).rates
    return caseOf(cases, mode, payloadBytes).rates.percentBelow(base).median
  }
  const bound = { unit: '%', bound: DIFFERENCE_PERCENT_MAX, side: 'at most' } as const
  const payloads = [...new Set(cases.map(({ flow }) => flow.payloadBytes))]
  return payloads.flatMap(bytes => [
    {
      text: `Flow history on against off at ${bytesText(bytes)}: throughput lost`,
      value: less('history', 'off', bytes),
      ...bound,
    },
    {
      text: `A viewer of the flow log against none at ${bytesText(bytes)}: throughput lost`,
      value: less('viewer', 'history', bytes),
      ...bound,
    },
  ])
}
