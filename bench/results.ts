import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Latency, Measure, Touch } from './protocol.js'
import type { ScenarioResult } from './scenarios/result.js'

/** One window of a trial. */
export interface Repeat {
  readonly seconds: number
  /** Delivered to the sink, or back at the source of round trips. */
  readonly datagrams: number
  readonly datagramsPerSecond: number
  readonly megabytesPerSecond: number
  /** CPU seconds of the relay's process in a million deliveries; a round trip is two. */
  readonly relayCpuSecondsPerMillion: number
  readonly latencyUs?: Latency | undefined
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
  readonly trials: readonly TrialResult[]
  /** Not there in runs from before there were any. */
  readonly scenarios?: readonly ScenarioResult[] | undefined
}

// Compiled files are in dist/bench; what people read and keep is in bench.
const repositoryDir = join(dirname(fileURLToPath(import.meta.url)), '..', '..')
export const benchDir = join(repositoryDir, 'bench')
const resultsDir = join(benchDir, 'results')

/** What a run on this machine starts with. */
export function describeRun(parameters: Parameters): Omit<Results, 'trials'> {
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
      v4vd: versionOf(join(repositoryDir, 'package.json')),
      ws: versionOf('ws/package.json'),
      bufferutil: versionOf('bufferutil/package.json'),
    },
    parameters,
  }
}

/** Keeps a run. @returns where. A run of only some trials is kept beside those of all. */
export function writeResults(results: Results): string {
  const { only, quick } = results.parameters
  const kind = only === undefined ? (quick ? '-quick' : '') : '-only'
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
    .filter(({ parameters }) => parameters.only === undefined)
    .sort((a, b) => a.date.localeCompare(b.date))
    .at(-1)
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

/** @returns `none` where it is not installed: `ws` uses bufferutil to mask where it is. */
function versionOf(packageFile: string): string {
  try {
    const { version } = createRequire(import.meta.url)(packageFile) as { version: string }
    return version
  } catch {
    return 'none'
  }
}
