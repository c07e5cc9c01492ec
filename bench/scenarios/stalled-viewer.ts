import type { ProberCommands } from './actors/prober.js'
import type { SinkCommands } from './actors/sinks.js'
import type { SourceCommands } from './actors/sources.js'
import type { StalledViewerCommands } from './actors/stalled-viewer.js'
import { BenchDaemon, policyOf } from './bench-daemon.js'
import type { Actor } from './crew.js'
import { FullFlow, fullFlowRule } from './full-flow.js'
import { Rounds, thereAndBack } from './paired.js'
import type { ScenarioRow, Target } from './result.js'
import type { Findings, Scenario, Stage } from './scenario.js'
import { openStranger } from './stranger.js'
import { expectAll } from './windows.js'

const PAYLOAD_BYTES = 64
const RULES = 100
const DIFFERENCE_PERCENT_MAX = 5
const VISIBLE_MS_MAX = 250
/** As many events as neither the log nor what buffers there are on the way can hold for a minute. */
const STRANGERS = 5
const MIB = 1024 * 1024
/** Two daemons of each kind: no process is quite as fast as another that does the same. */
const DAEMONS = ['first', 'second']

/** A viewer of the flow log that takes nothing for a while. */
export const stalledViewerScenario: Scenario = {
  name: 'scenario/stalled-viewer',
  title: 'A viewer of the flow log that stalls',
  method:
    `One flow of ${PAYLOAD_BYTES} B at full speed (Unix socket, \`trySend\`, \`batches()\`, ${RULES + 1} rules), and beside it ` +
    `${STRANGERS} domains whose 1000 datagrams a second are refused, each. A viewer follows the flow log of one daemon and reads ` +
    'nothing of it until the end, when it has to be told how many events it missed; another daemon has no such ' +
    'viewer. Both have one that reads: every tenth of a second a process sends a datagram to a port that it ' +
    'has not used before, and takes the time until the server-sent event of it is there. There are two ' +
    'daemons of each kind, whose windows take turns, there and back again, for as long as the viewer stalls; the difference is the median of the ' +
    'rounds, with the lowest and the highest.',
  columns: [
    { key: 'stalledSeconds', title: 'stalled, s' },
    { key: 'datagramsPerSecond', title: 'datagrams/s' },
    { key: 'differencePercent', title: 'less than without, %' },
    { key: 'differenceMin', title: 'lowest' },
    { key: 'differenceMax', title: 'highest' },
    { key: 'visibleP50Ms', title: 'event visible, p50 ms' },
    { key: 'visibleMaxMs', title: 'longest, ms' },
    { key: 'missed', title: 'events the staller missed' },
    { key: 'rssGrowthMiB', title: 'memory growth of the daemon, MiB' },
  ],
  secondsMax: 150,
  isLong: true,
  run,
}

/** A daemon with all that is attached to it. */
interface Place {
  readonly isStalled: boolean
  readonly daemon: BenchDaemon
  readonly flow: FullFlow
  readonly prober: Actor<ProberCommands>
}

async function run({ crew, quick, note }: Stage): Promise<Findings> {
  const [stalledMs, seconds] = quick ? [3_000, 0.1] : [60_000, 0.25]
  const ends = {
    sources: crew.actor<SourceCommands>('sources'),
    sinks: crew.actor<SinkCommands>('sinks'),
  }
  const viewer = crew.actor<StalledViewerCommands>('stalled-viewer')
  const places: Place[] = []
  for (const name of quick ? DAEMONS.slice(0, 1) : DAEMONS) {
    for (const isStalled of [false, true]) {
      const key = `${isStalled ? 'stalled' : 'live'}-${name}`
      const daemon = await BenchDaemon.start(
        crew,
        key,
        policyOf(RULES, [fullFlowRule(PAYLOAD_BYTES)]),
      )
      const flow = await FullFlow.open(daemon, key, ends, PAYLOAD_BYTES)
      for (let i = 0; i < STRANGERS; i++) {
        await openStranger(daemon, key, ends.sources, PAYLOAD_BYTES, `stranger-${i}`)
      }
      await daemon.addDomains(['prober'])
      const prober = crew.actor<ProberCommands>('prober')
      const { url, token } = daemon
      await prober.call('start', { url, token, door: daemon.door('prober') })
      places.push({ isStalled, daemon, flow, prober })
    }
  }
  for (const { flow } of places) await flow.measure(seconds) // warm-up
  const rssBefore = await Promise.all(places.map(rssOf))
  for (const { isStalled, daemon } of places) {
    const { url, token } = daemon
    if (isStalled) await viewer.call('open', { url, token })
  }
  const rates = { stalled: new Rounds(), live: new Rounds() }
  const startedMs = performance.now()
  for (let round = 0; performance.now() - startedMs < stalledMs; round++) {
    note(`stalled for ${Math.round((performance.now() - startedMs) / 1000)} s`)
    for (const { isStalled, flow } of thereAndBack(places)) {
      const { perSecond } = await flow.measure(seconds)
      rates[isStalled ? 'stalled' : 'live'].add(round, perSecond)
    }
  }
  const stalledSeconds = (performance.now() - startedMs) / 1000
  const rssAfter = await Promise.all(places.map(rssOf))
  const seen = await viewer.call('readOn')
  if (seen.flows + seen.lost === 0) throw new Error('the viewer that stalled was shown nothing')
  await expectAll(
    ends.sources,
    ends.sinks,
    undefined,
    places.map(({ flow }) => flow.name),
  )
  const rowOf = async (isStalled: boolean): Promise<ScenarioRow> => {
    const mine = [...places.entries()].filter(([, place]) => place.isStalled === isStalled)
    const probes = await Promise.all(mine.map(([, { prober }]) => prober.call('visible')))
    const own = rates[isStalled ? 'stalled' : 'live']
    const { median, min, max } = own.percentBelow(rates.live)
    return {
      label: isStalled ? 'beside a viewer that stalls' : 'without one',
      figures: {
        ...(isStalled ? { stalledSeconds, missed: seen.lost } : {}),
        datagramsPerSecond: own.median,
        differencePercent: median,
        differenceMin: min,
        differenceMax: max,
        visibleP50Ms: Math.max(...probes.map(({ p50Ms }) => p50Ms)),
        visibleMaxMs: Math.max(...probes.map(({ maxMs }) => maxMs)),
        rssGrowthMiB: Math.max(...mine.map(([i]) => rssAfter[i]! - rssBefore[i]!)) / MIB,
      },
    }
  }
  const rows = [await rowOf(false), await rowOf(true)]
  return { rows, targets: targetsOf(rows[1]!), notes: [] }
}

async function rssOf({ daemon }: Place): Promise<number> {
  return (await daemon.actor.call('usage')).rssBytes
}

function targetsOf({ figures }: ScenarioRow): Target[] {
  return [
    {
      text: 'Beside a viewer that stalls: throughput lost',
      value: figures['differencePercent']!,
      unit: '%',
      bound: DIFFERENCE_PERCENT_MAX,
      side: 'at most',
    },
    {
      text: 'Beside a viewer that stalls: until a viewer that reads sees an event, longest',
      value: figures['visibleMaxMs']!,
      unit: 'ms',
      bound: VISIBLE_MS_MAX,
      side: 'at most',
    },
  ]
}
