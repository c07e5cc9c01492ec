import { setTimeout as sleep } from 'node:timers/promises'
import { bytesText } from '../trials.js'
import type { LoopReport, Usage } from './actors/daemon.js'
import type { SinkCommands } from './actors/sinks.js'
import type { SourceCommands } from './actors/sources.js'
import { BenchDaemon, policyOf } from './bench-daemon.js'
import type { Actor } from './crew.js'
import { fitLine } from './line-fit.js'
import type { ScenarioRow, Target } from './result.js'
import type { Findings, Scenario, Stage } from './scenario.js'
import { expectAll } from './windows.js'

const PAYLOADS_BYTES = [64, 1024, 16 * 1024]
const PORT = 5000
const RULES = 100
const WARM_UP_SECONDS = 1
const IDLE_SECONDS = 1
/** After a collection that was asked for, V8 has to find its sizes again. */
const SETTLE_MS = 500
/** Full collections before and after. */
const HEAPS = 4
const MIB = 1024 * 1024
const DELAY_MS_MAX = 20
const GC_PERCENT_MAX = 1
/** What grows less than this in all is noise, however well the slope is known. */
const HEAP_MIB_MAX = 1

/** A daemon at full load for a while. */
export const soakScenario: Scenario = {
  name: 'scenario/soak',
  title: 'Full load for a minute',
  method:
    `Three flows at full speed at the same time (${PAYLOADS_BYTES.map(bytesText).join(', ')}; Unix socket, ` +
    '`trySend`, `batches()`). In the daemon: the longest delay of the event loop (`monitorEventLoopDelay` with ' +
    'a timer of 1 ms, which is subtracted; the row "idle" is the same daemon before any load, and both hold what the ' +
    'scheduler adds where there are more processes than cores), and the share of the time spent in garbage collection. ' +
    `Before and after, outside of what is measured, ${HEAPS} full collections are made: the slope is that of a line ` +
    'through the heaps that they left, and its noise twice the standard error, ' +
    `or ${HEAP_MIB_MAX} MiB in all where that is more.`,
  columns: [
    { key: 'seconds', title: 'seconds' },
    { key: 'datagramsPerSecond', title: 'datagrams/s' },
    { key: 'delayMaxMs', title: 'longest delay, ms' },
    { key: 'delayP99Ms', title: 'p99 delay, ms' },
    { key: 'gcPercent', title: 'collection, % of the time' },
    { key: 'gcMaxMs', title: 'longest collection, ms' },
    { key: 'heapMiB', title: 'heap, MiB' },
    { key: 'heapSlope', title: 'heap slope, MiB/min' },
    { key: 'heapSlopeNoise', title: 'noise of that, MiB/min' },
    { key: 'rssMiB', title: 'resident, MiB' },
  ],
  secondsMax: 180,
  run,
}

async function run({ crew, quick, note }: Stage): Promise<Findings> {
  const seconds = quick ? 3 : 60
  const sources = crew.actor<SourceCommands>('sources')
  const sinks = crew.actor<SinkCommands>('sinks')
  const daemon = await BenchDaemon.start(crew, 'daemon', policyOf(RULES, ['source:* -> sink:*']), {
    execArgv: ['--expose-gc'],
  })
  await daemon.addDomains(['source', 'sink'])
  await openFlows(daemon, sources, sinks)
  const rows: ScenarioRow[] = []
  if (!quick) {
    note('idle')
    rows.push(await measure('idle', daemon, sinks, IDLE_SECONDS))
  }
  await sources.call('start')
  await sleep(WARM_UP_SECONDS * 1000)
  note(`${seconds} s at full load`)
  rows.push(await measure('full load', daemon, sinks, seconds))
  await expectAll(sources, sinks)
  return { rows, targets: targetsOf(rows.at(-1)!), notes: [] }
}

async function openFlows(
  daemon: BenchDaemon,
  sources: Actor<SourceCommands>,
  sinks: Actor<SinkCommands>,
): Promise<void> {
  for (const [i, payloadBytes] of PAYLOADS_BYTES.entries()) {
    const [name, port] = [bytesText(payloadBytes), PORT + i]
    const sink = { name, door: daemon.door('sink'), port, payloadBytes, size: '4MiB' }
    await sinks.call('attach', [sink])
    const source = { name, door: daemon.door('source'), port, to: `sink:${port}` }
    await sources.call('attach', [{ ...source, payloadBytes, pace: { kind: 'full' } }])
  }
}

async function measure(
  label: string,
  daemon: BenchDaemon,
  sinks: Actor<SinkCommands>,
  seconds: number,
): Promise<ScenarioRow> {
  const heaps = await takeHeaps(daemon)
  await sleep(SETTLE_MS)
  const before = await arrived(sinks)
  await daemon.actor.call('watch')
  await sleep(seconds * 1000)
  const loop = await daemon.actor.call('watched')
  const datagrams = (await arrived(sinks)) - before
  heaps.push(...(await takeHeaps(daemon)))
  return { label, figures: figuresOf(heaps, loop, datagrams) }
}

/** What full collections leave. */
async function takeHeaps(daemon: BenchDaemon): Promise<Usage[]> {
  const heaps: Usage[] = []
  while (heaps.length < HEAPS) {
    await daemon.actor.call('collect', 1)
    heaps.push(await daemon.actor.call('usage'))
  }
  return heaps
}

async function arrived(sinks: Actor<SinkCommands>): Promise<number> {
  const counts = Object.values(await sinks.call('counts'))
  return counts.reduce((sum, { datagrams }) => sum + datagrams, 0)
}

function figuresOf(
  heaps: readonly Usage[],
  loop: LoopReport,
  datagrams: number,
): Record<string, number> {
  const { slope, slopeError } = fitLine(
    heaps.map(({ atMs, heapUsedBytes }) => [atMs / 60_000, heapUsedBytes / MIB]),
  )
  const { seconds, delayMaxMs, delayP99Ms, gcMs, gcMaxMs } = loop
  const last = heaps.at(-1)!
  return {
    seconds,
    datagramsPerSecond: datagrams / seconds,
    delayMaxMs,
    delayP99Ms,
    gcPercent: (gcMs / seconds / 1000) * 100,
    gcMaxMs,
    heapMiB: last.heapUsedBytes / MIB,
    heapSlope: slope,
    heapSlopeNoise: slopeError * 2,
    rssMiB: last.rssBytes / MIB,
  }
}

function targetsOf({ figures }: ScenarioRow): Target[] {
  const { seconds, delayMaxMs, gcPercent, heapSlope, heapSlopeNoise } = figures
  const noise = Math.max(heapSlopeNoise!, (HEAP_MIB_MAX * 60) / seconds!)
  return [
    {
      text: 'Longest delay of the event loop',
      value: delayMaxMs!,
      unit: 'ms',
      bound: DELAY_MS_MAX,
      side: 'at most',
    },
    {
      text: 'Time spent in garbage collection',
      value: gcPercent!,
      unit: '%',
      bound: GC_PERCENT_MAX,
      side: 'at most',
    },
    {
      text: 'Slope of the heap, against its noise',
      value: heapSlope!,
      unit: 'MiB/min',
      bound: noise,
      side: 'at most',
    },
  ]
}
