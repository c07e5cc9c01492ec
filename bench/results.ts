import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import { join } from 'node:path'
import { versionIn } from './packages.js'
import { benchDir, repositoryDir } from './paths.js'
import { versionsOf } from './peers.js'
import type { Latency, Measure, Touch } from './protocol.js'
import type { ScenarioResult } from './scenarios/result.js'
import { SYSTEMS } from './trials.js'

/** One window of a trial. */
export interface Repeat {
  readonly seconds: number
  /** Delivered to the sink, or back at the source of round trips. */
  readonly datagrams: number
  readonly datagramsPerSecond: number
  readonly megabytesPerSecond: number
  /** CPU seconds of the relay's process in a million deliveries; a round trip is two. */
  readonly relayCpuSecondsPerMillion: number
  /** The same of all processes of the trial. */
  readonly cpuSecondsPerMillion: number
  readonly latencyUs?: Latency | undefined
  /** What it is compared with; not there for the baseline itself, and where there is none. */
  readonly beside?: Beside | undefined
}

/** What the baseline did in the windows before and behind, in the middle of both. */
export interface Beside {
  readonly datagramsPerSecond: number
  readonly latencyUs?: Pick<Latency, 'p50' | 'p99'>
}

export interface TrialResult {
  readonly system: string
  readonly payloadBytes: number
  readonly measure: Measure
  readonly repeats: readonly Repeat[]
  /** Why the trial does not count; not there when all datagrams came, in order. */
  readonly failure?: string | undefined
}

export interface Parameters {
  readonly seconds: number
  readonly repeats: number
  readonly warmUpSeconds: number
  readonly rules: number
  /** What receivers do with the bytes. */
  readonly touch: Touch
  /** Which trials were asked for; all where it is not there. */
  readonly only?: string | undefined
  readonly quick: boolean
  /** The systems that v4vd is compared with were asked for, too. */
  readonly peers: boolean
  /** What repeats the run: the arguments of "npm run bench --". */
  readonly arguments: readonly string[]
}

/** One run of the harness, as it is kept in results/. */
export interface Results {
  readonly date: string
  readonly commit: string
  /** The checkout held changes that are not in the commit. */
  readonly isDirty: boolean
  readonly machine: {
    readonly cpu: string
    readonly cores: number
    readonly memoryBytes: number
    readonly kernel: string
    readonly node: string
  }
  readonly versions: Readonly<Record<string, string>>
  readonly parameters: Parameters
  /** Systems that are not installed on this machine: what they need, by name. */
  readonly skipped: Readonly<Record<string, string>>
  readonly trials: readonly TrialResult[]
  /** Not there in runs from before there were any. */
  readonly scenarios?: readonly ScenarioResult[] | undefined
}

const resultsDir = join(benchDir, 'results')

/** What a run on this machine starts with. */
export function describeRun(parameters: Parameters): Omit<Results, 'skipped' | 'trials'> {
  return {
    date: new Date().toISOString(),
    commit: git('rev-parse', '--short', 'HEAD') ?? 'unknown',
    isDirty: git('status', '--porcelain') !== '',
    machine: {
      cpu: os.cpus()[0]?.model.trim() ?? 'unknown',
      cores: os.availableParallelism(),
      memoryBytes: os.totalmem(),
      kernel: `${os.type()} ${os.release()} ${os.arch()}`,
      node: process.version,
    },
    versions: {
      v4vd: versionOf('.'),
      ws: versionOf('node_modules/ws'),
      bufferutil: versionOf('node_modules/bufferutil'),
      koffi: versionOf('node_modules/koffi'),
      ...(parameters.peers && peerVersions()),
    },
    parameters,
  }
}

/** Keeps a run. @returns where. A run of only some trials is kept beside those of all. */
export function writeResults(results: Results): string {
  const { quick } = results.parameters
  const kind = isOfAll(results) ? (quick ? '-quick' : '') : '-only'
  mkdirSync(resultsDir, { recursive: true })
  const name = `${results.date.slice(0, 10)}-${results.commit}${kind}.json`
  const path = join(resultsDir, name)
  writeFileSync(path, `${JSON.stringify(results, null, 2)}\n`)
  return path
}

/** The newest run of all trials, if there is one. */
export function newestResults(): Results | undefined {
  const names = readdirSync(resultsDir).filter(name => name.endsWith('.json'))
  return names
    .map(name => JSON.parse(readFileSync(join(resultsDir, name), 'utf8')) as Results)
    .filter(isOfAll)
    .sort((a, b) => a.date.localeCompare(b.date))
    .at(-1)
}

function isOfAll({ parameters }: Results): boolean {
  return parameters.only === undefined && parameters.peers
}

function peerVersions(): Record<string, string> {
  const versions: Record<string, string> = {}
  for (const { peer } of SYSTEMS) if (peer !== undefined) Object.assign(versions, versionsOf(peer))
  return versions
}

function git(...args: string[]): string | undefined {
  try {
    return execFileSync('git', args, {
      cwd: repositoryDir,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
  } catch {
    return undefined // no repository, or no git
  }
}

/** @returns `none` for an optional package that is not installed. */
function versionOf(folder: string): string {
  return versionIn(join(repositoryDir, folder)) ?? 'none'
}
