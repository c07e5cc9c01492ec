import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { defaultLimits } from '../../src/abi/limits.js'
import type { CrowdCommands } from './actors/crowd.js'
import type { SinkCommands } from './actors/sinks.js'
import type { SourceCommands } from './actors/sources.js'
import { BenchDaemon, policyOf } from './bench-daemon.js'
import type { Actor, Crew } from './crew.js'
import type { ScenarioRow, Target } from './result.js'
import type { Findings, Scenario, Stage } from './scenario.js'
import { expectAll } from './windows.js'

/** Sessions that are attached, of which 100 are active. */
const SESSIONS = [100, 1_000, 10_000]
const SESSIONS_QUICK = [100, 500]
const ACTIVE_PAIRS = 50
const ACTIVE = 2 * ACTIVE_PAIRS
const PAYLOAD_BYTES = 64
const PORT = 5000
const RULES = 100
/** Of each active source: well below what the daemon can do, so that all cases have the same load. */
const PER_SECOND = 4_000
const WARM_UP_MS = 1_000
/** Sessions of one crowd process; each needs a descriptor. */
const CROWD_SESSIONS_MAX = 5_000
/** Descriptors that a daemon needs besides those of its domains and sessions. */
const OTHER_DESCRIPTORS = 200
const LEAVE_POLL_MS = 100
/** No pings: in a short window one of each session would be too many. */
const QUICK_LIMITS = { pingIntervalMs: 300_000 }
const COST_PERCENT_MAX = 25
const IDLE_KIB_MAX = 8

/** What it costs the active ones that many others are attached. */
export const domainsScenario: Scenario = {
  name: 'scenario/domains',
  title: 'Many domains attached, 100 of them active',
  method:
    `${ACTIVE_PAIRS} pairs of domains have a flow of ${PER_SECOND} datagrams of ${PAYLOAD_BYTES} B a second each (SDK, Unix socket, ` +
    'bursts every 5 ms), first with nobody else attached, then with more and more idle sessions, each attached by ' +
    'the socket of its domain, and once more with nobody else, all on the same daemon. The cost is the daemon’s CPU time for each datagram; a window of 15 s holds ' +
    'one ping of each session (a quick run has none); it is compared with the lower of those with 100. Memory is the resident growth for each session that was added, after a garbage ' +
    'collection; domains and their sockets were made before.',
  columns: [
    { key: 'sessions', title: 'sessions' },
    { key: 'domains', title: 'domains' },
    { key: 'datagramsPerSecond', title: 'datagrams/s' },
    { key: 'cpuUsPerDatagram', title: 'daemon CPU µs per datagram' },
    { key: 'morePercent', title: 'more than with 100, %' },
    { key: 'rssPerSessionKiB', title: 'KiB per idle session' },
    { key: 'rssMiB', title: 'resident, MiB' },
  ],
  secondsMax: 600,
  run,
}

interface Cast {
  readonly daemon: BenchDaemon
  readonly sources: Actor<SourceCommands>
  readonly sinks: Actor<SinkCommands>
}

async function run(stage: Stage): Promise<Findings> {
  const { crew, quick, note } = stage
  const steps = quick ? SESSIONS_QUICK : SESSIONS
  const seconds = quick ? 1 : defaultLimits.pingIntervalMs / 1000
  const { domains, notes } = domainsFor(steps.at(-1)!)
  const policy = policyOf(RULES, ['tag:source:* -> tag:sink:*'])
  const daemon = await BenchDaemon.start(crew, 'daemon', policy, {
    execArgv: ['--expose-gc'],
    limits: quick ? QUICK_LIMITS : {},
  })
  const sources = crew.actor<SourceCommands>('sources')
  const sinks = crew.actor<SinkCommands>('sinks')
  const cast = { daemon, sources, sinks }
  note(`making ${domains} domains`)
  const crowd = new Crowd(crew, cast, await addDomains(daemon, domains))
  await openFlows(cast)
  await sources.call('start')
  await sleep(WARM_UP_MS)

  const cases: Case[] = []
  for (const sessions of steps) {
    note(`${sessions} sessions`)
    const memory = await crowd.growTo(sessions - ACTIVE)
    cases.push({
      sessions,
      label: `${sessions} sessions`,
      ...memory,
      ...(await measure(cast, seconds)),
    })
  }
  note('100 sessions again')
  const memory = await crowd.leave()
  const label = `${ACTIVE} sessions again`
  cases.push({ sessions: ACTIVE, label, ...memory, ...(await measure(cast, seconds)) })
  await expectAll(sources, sinks)
  const rows = rowsOf(cases, domains)
  return { rows, targets: targetsOf(rows.at(-2)!), notes }
}

/** What was measured with so many sessions. */
interface Case extends Cost, Memory {
  readonly label: string
  readonly sessions: number
}

interface Cost {
  readonly datagramsPerSecond: number
  readonly cpuUsPerDatagram: number
}

interface Memory {
  readonly rssBytes: number
  /** For each session that was added, if there was any. */
  readonly rssPerSessionBytes: number | undefined
}

/** Sessions that are attached and do nothing. */
class Crowd {
  readonly #crew: Crew
  readonly #cast: Cast
  readonly #names: readonly string[]
  readonly #actors: Actor<CrowdCommands>[] = []
  #attached = 0

  /** @param names of the domains that they take turns to be of. */
  constructor(crew: Crew, cast: Cast, names: readonly string[]) {
    this.#crew = crew
    this.#cast = cast
    this.#names = names
  }

  async growTo(sessions: number): Promise<Memory> {
    const before = await restingRss(this.#cast)
    const added = sessions - this.#attached
    while (this.#attached < sessions) {
      const names = this.#names
      const count = Math.min(CROWD_SESSIONS_MAX, sessions - this.#attached)
      const urlOf = (i: number): string =>
        this.#cast.daemon.door(names[(this.#attached + i) % names.length]!).url
      const actor = this.#crew.actor<CrowdCommands>('crowd')
      await actor.call(
        'attach',
        Array.from({ length: count }, (_, i) => urlOf(i)),
      )
      this.#actors.push(actor)
      this.#attached += count
    }
    const rssBytes = added === 0 ? before : await restingRss(this.#cast)
    return { rssBytes, rssPerSessionBytes: added === 0 ? undefined : (rssBytes - before) / added }
  }

  /** Ends all of them and waits until the daemon knows. */
  async leave(): Promise<Memory> {
    for (const actor of this.#actors) await actor.call('end')
    const { daemon } = this.#cast
    const count = async (): Promise<number> => {
      const answer = await daemon.request('/v1/sessions')
      return ((await answer.json()) as { sessions: unknown[] }).sessions.length
    }
    while ((await count()) > ACTIVE) await sleep(LEAVE_POLL_MS)
    return { rssBytes: await restingRss(this.#cast), rssPerSessionBytes: undefined }
  }
}

function rowsOf(cases: readonly Case[], domains: number): ScenarioRow[] {
  const alone = cases.filter(({ sessions }) => sessions === ACTIVE)
  const base = Math.min(...alone.map(({ cpuUsPerDatagram }) => cpuUsPerDatagram))
  return cases.map(one => {
    const { label, sessions, datagramsPerSecond, cpuUsPerDatagram, rssBytes } = one
    const perSession = one.rssPerSessionBytes
    const figures = {
      sessions,
      domains,
      datagramsPerSecond,
      cpuUsPerDatagram,
      morePercent: (cpuUsPerDatagram / base - 1) * 100,
      rssMiB: rssBytes / 1024 / 1024,
      ...(perSession === undefined ? {} : { rssPerSessionKiB: perSession / 1024 }),
    }
    return { label, figures }
  })
}

/** How many domains there can be, since each has a socket of its own, besides those of sessions. */
function domainsFor(sessions: number): { readonly domains: number; readonly notes: string[] } {
  const descriptors = descriptorsMax()
  const room = descriptors - sessions - OTHER_DESCRIPTORS
  const domains = Math.min(sessions, room)
  const least = Math.ceil(sessions / defaultLimits.sessionsPerDomainMax) + ACTIVE
  if (domains < least) {
    throw new Error(
      `a process may open ${descriptors} files here, and ${sessions} sessions need ` +
        `${sessions + least + OTHER_DESCRIPTORS} or more: raise the hard limit (ulimit -Hn)`,
    )
  }
  const notes =
    domains === sessions
      ? []
      : [
          `a process may open ${descriptors} files here, so ${sessions} sessions are those of ${domains} ` +
            'domains: some domains have two',
        ]
  return { domains, notes }
}

/** Node raises its soft limit to the hard one by itself. */
function descriptorsMax(): number {
  const line = /^Max open files\s+\S+\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))
  return line?.[1] === 'unlimited' ? Infinity : Number(line?.[1])
}

/** @returns the names of those that will be idle. */
async function addDomains(daemon: BenchDaemon, count: number): Promise<string[]> {
  await daemon.addDomains(pairNames('source'), ['source'])
  await daemon.addDomains(pairNames('sink'), ['sink'])
  const idle = Array.from({ length: count - ACTIVE }, (_, i) => `idle-${i}`)
  await daemon.addDomains(idle)
  return idle
}

function pairNames(part: 'source' | 'sink'): string[] {
  return Array.from({ length: ACTIVE_PAIRS }, (_, i) => `${part}-${i}`)
}

async function openFlows({ daemon, sources, sinks }: Cast): Promise<void> {
  const flow = { port: PORT, payloadBytes: PAYLOAD_BYTES }
  await sinks.call(
    'attach',
    pairNames('sink').map(name => ({ ...flow, name, door: daemon.door(name), size: '64KiB' })),
  )
  const pace = { kind: 'rate', perSecond: PER_SECOND } as const
  await sources.call(
    'attach',
    pairNames('source').map((name, i) => ({
      ...flow,
      name,
      door: daemon.door(name),
      to: `sink-${i}:${PORT}`,
      pace,
    })),
  )
}

/** Resident memory with the flows at rest and the garbage collected. */
async function restingRss({ daemon, sources, sinks }: Cast): Promise<number> {
  await expectAll(sources, sinks)
  await daemon.actor.call('collect', 3)
  const { rssBytes } = await daemon.actor.call('usage')
  await sources.call('start')
  return rssBytes
}

async function measure({ daemon, sinks }: Cast, seconds: number): Promise<Cost> {
  const take = async (): Promise<{ datagrams: number; atMs: number; cpuMs: number }> => {
    const counts = Object.values(await sinks.call('counts'))
    const { atMs, cpuMs } = await daemon.actor.call('usage')
    return { datagrams: counts.reduce((sum, { datagrams }) => sum + datagrams, 0), atMs, cpuMs }
  }
  await sleep(WARM_UP_MS / 2)
  const before = await take()
  await sleep(seconds * 1000)
  const after = await take()
  const datagrams = after.datagrams - before.datagrams
  return {
    datagramsPerSecond: (datagrams / (after.atMs - before.atMs)) * 1000,
    cpuUsPerDatagram: ((after.cpuMs - before.cpuMs) / datagrams) * 1000,
  }
}

function targetsOf({ figures }: ScenarioRow): Target[] {
  return [
    {
      text: `Cost of a datagram with ${figures['sessions']} sessions, more than with ${ACTIVE}`,
      value: figures['morePercent']!,
      unit: '%',
      bound: COST_PERCENT_MAX,
      side: 'at most',
    },
    {
      text: 'Memory of an idle session without rings',
      value: figures['rssPerSessionKiB']!,
      unit: 'KiB',
      bound: IDLE_KIB_MAX,
      side: 'at most',
    },
  ]
}
