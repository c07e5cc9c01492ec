import { setTimeout as sleep } from 'node:timers/promises'
import type { CrowdCommands } from './actors/crowd.js'
import type { SinkCommands, SinkCount } from './actors/sinks.js'
import type { SourceCommands } from './actors/sources.js'
import { BenchDaemon, policyOf } from './bench-daemon.js'
import type { Actor, Crew } from './crew.js'
import type { ScenarioRow, Target } from './result.js'
import type { Findings, Scenario, Stage } from './scenario.js'
import { expectAll } from './windows.js'

const FLOODERS = 20
const PAYLOAD_BYTES = 1024
const RING_SIZE = '4MiB'
const RULES = 100
const VICTIM_PORT = 5000
const OTHER_PORT = 5001
const RUN = 16
const SHARE_PERCENT_MIN = 80
const WARM_UP_MS = 500

/** A flow that others try to crowd out. */
export const victimScenario: Scenario = {
  name: 'scenario/victim',
  title: `A flow beside ${FLOODERS} flooding sessions`,
  method:
    `One session sends 1 KiB as fast as it may, and beside it ${FLOODERS} sessions of other domains do the same: ` +
    'to a ring of their own, to the ring of the victim, or to that without the SDK, in frames that are sent ' +
    'again and again whatever the daemon refuses. The fair share is what arrives in all, divided ' +
    `by ${FLOODERS + 1}. The victim’s datagrams are counted and checked for order.`,
  columns: [
    { key: 'totalPerSecond', title: 'datagrams/s, all' },
    { key: 'victimPerSecond', title: 'datagrams/s, victim' },
    { key: 'sharePercent', title: 'of its fair share, %' },
    { key: 'refusedPerSecond', title: 'refused to flooders/s' },
  ],
  secondsMax: 120,
  run,
}

/** What the flooders do. */
interface Case {
  readonly name: string
  readonly label: string
  readonly port: number
  readonly isRaw: boolean
}

const CASES: readonly Case[] = [
  { name: 'apart', label: 'to a ring of their own', port: OTHER_PORT, isRaw: false },
  { name: 'same', label: 'to the ring of the victim', port: VICTIM_PORT, isRaw: false },
  {
    name: 'raw',
    label: 'to the ring of the victim, heedless of refusals',
    port: VICTIM_PORT,
    isRaw: true,
  },
]

const flooders = Array.from({ length: FLOODERS }, (_, i) => `flooder-${i}`)

async function run({ crew, quick, note }: Stage): Promise<Findings> {
  const seconds = quick ? 0.5 : 5
  const rows: ScenarioRow[] = []
  for (const one of quick ? CASES.slice(-1) : CASES) {
    note(one.label)
    rows.push(await rowOf(crew, one, seconds))
  }
  return { rows, targets: rows.map(targetOf), notes: [] }
}

async function rowOf(crew: Crew, one: Case, seconds: number): Promise<ScenarioRow> {
  const accept = [`victim:* -> sink:*`, ...flooders.map(name => `${name}:* -> sink:*`)]
  const daemon = await BenchDaemon.start(crew, one.name, policyOf(RULES, accept))
  await daemon.addDomains(['victim', 'sink', ...flooders])
  const sinks = crew.actor<SinkCommands>('sinks')
  const sources = crew.actor<SourceCommands>('sources')
  await openVictim(daemon, sources, sinks)
  const flood = one.isRaw ? await floodRaw(crew, daemon, one) : await floodBySdk(crew, daemon, one)
  await sources.call('start')
  await sleep(WARM_UP_MS)
  const before = totalsOf(await sinks.call('counts'))
  const writtenBefore = await flood.written()
  await sleep(seconds * 1000)
  const after = totalsOf(await sinks.call('counts'))
  const written = (await flood.written()) - writtenBefore
  await expectAll(sources, sinks, counts => totalsOf(counts).victim)
  await flood.end()
  const perSecond = (count: number): number => (count / (after.atMs - before.atMs)) * 1000
  const [victim, all] = [after.victim - before.victim, after.all - before.all]
  return {
    label: one.label,
    figures: {
      totalPerSecond: perSecond(all),
      victimPerSecond: perSecond(victim),
      sharePercent: ((victim * (FLOODERS + 1)) / all) * 100,
      ...(one.isRaw ? { refusedPerSecond: perSecond(written - (all - victim)) } : {}),
    },
  }
}

async function openVictim(
  daemon: BenchDaemon,
  sources: Actor<SourceCommands>,
  sinks: Actor<SinkCommands>,
): Promise<void> {
  const sink = { door: daemon.door('sink'), size: RING_SIZE, payloadBytes: PAYLOAD_BYTES }
  await sinks.call('attach', [
    { ...sink, name: 'victim', port: VICTIM_PORT, checked: ['victim'] },
    { ...sink, name: 'other', port: OTHER_PORT, checked: [] },
  ])
  const victim = { name: 'victim', door: daemon.door('victim'), port: VICTIM_PORT }
  const pace = { kind: 'full' } as const
  const to = `sink:${VICTIM_PORT}`
  await sources.call('attach', [{ ...victim, to, payloadBytes: PAYLOAD_BYTES, pace }])
}

/** Flooders at work. */
interface Flooding {
  /** Datagrams that they wrote to their sockets so far. */
  written(): Promise<number>
  end(): Promise<void>
}

/** As fast as the SDK lets them. */
async function floodBySdk(crew: Crew, daemon: BenchDaemon, one: Case): Promise<Flooding> {
  const actor = crew.actor<SourceCommands>('sources')
  const job = { port: VICTIM_PORT, to: `sink:${one.port}`, payloadBytes: PAYLOAD_BYTES }
  const pace = { kind: 'full' } as const
  await actor.call(
    'attach',
    flooders.map(name => ({ ...job, name, door: daemon.door(name), pace })),
  )
  await actor.call('start')
  return {
    async written() {
      const counts = Object.values(await actor.call('counts'))
      return counts.reduce((sum, { sent }) => sum + sent, 0)
    },
    async end() {
      await actor.call('stop')
    },
  }
}

async function floodRaw(crew: Crew, daemon: BenchDaemon, one: Case): Promise<Flooding> {
  const actor = crew.actor<CrowdCommands>('crowd')
  await actor.call(
    'attach',
    flooders.map(name => daemon.door(name).url),
  )
  const flood = { domain: 'sink', port: one.port, sourcePort: VICTIM_PORT, run: RUN }
  await actor.call('flood', { ...flood, payloadBytes: PAYLOAD_BYTES })
  return {
    written: () => actor.call('written'),
    end: () => actor.call('end'),
  }
}

interface Totals {
  readonly atMs: number
  readonly all: number
  readonly victim: number
}

function totalsOf(counts: Readonly<Record<string, SinkCount>>): Totals {
  const rings = Object.values(counts)
  return {
    atMs: rings[0]!.atMs,
    all: rings.reduce((sum, { datagrams }) => sum + datagrams, 0),
    victim: rings.reduce((sum, { bySource }) => sum + (bySource['victim'] ?? 0), 0),
  }
}

function targetOf({ label, figures }: ScenarioRow): Target {
  return {
    text: `Flooders ${label}: the victim keeps of its fair share`,
    value: figures['sharePercent']!,
    unit: '%',
    bound: SHARE_PERCENT_MIN,
    side: 'at least',
  }
}
