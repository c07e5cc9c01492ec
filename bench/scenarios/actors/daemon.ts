import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { monitorEventLoopDelay, PerformanceObserver, type PerformanceEntry } from 'node:perf_hooks'
import type { Limits } from '../../../src/abi/limits.js'
import { dedicateProcess } from '../../../src/cli/own-process.js'
import { startDaemon, type Daemon } from '../../../src/daemon.js'
import { hostActor } from '../actor.js'

/** How to start the daemon of a scenario. */
export interface DaemonJob {
  /** A folder that only this daemon has. */
  readonly dir: string
  /** The policy document it starts with. */
  readonly policy: string
  readonly limits?: Partial<Limits> | undefined
}

/** Where a daemon is. */
export interface DaemonPlace {
  readonly url: string
  readonly stateDir: string
  readonly adminTokenPath: string
}

/** What a process has used, and holds at this moment. */
export interface Usage {
  readonly atMs: number
  /** User and system time since the process started. */
  readonly cpuMs: number
  readonly rssBytes: number
  readonly heapUsedBytes: number
  /** Buffers outside of the heap. */
  readonly externalBytes: number
}

/** What became of the event loop since `watch`. */
export interface LoopReport {
  readonly seconds: number
  /** Longest time that a timer of 1 ms took, less that millisecond. */
  readonly delayMaxMs: number
  readonly delayP99Ms: number
  /** Time spent in garbage collection. */
  readonly gcMs: number
  readonly gcCount: number
  readonly gcMaxMs: number
}

/** The sampling timer of monitorEventLoopDelay; its own length is part of what it reports. */
const RESOLUTION_MS = 1
const NS_PER_MS = 1e6

const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
const collections = { count: 0, ms: 0, maxMs: 0 }
const observer = new PerformanceObserver(list => takeCollections(list.getEntries()))
let watchedSinceMs = 0
let daemon: Daemon | undefined

function takeCollections(entries: readonly PerformanceEntry[]): void {
  for (const { duration, startTime } of entries) {
    if (startTime < watchedSinceMs) continue // told late, after one that was asked for
    collections.count++
    collections.ms += duration
    collections.maxMs = Math.max(collections.maxMs, duration)
  }
}

const commands = {
  async start({ dir, policy, limits }: DaemonJob): Promise<DaemonPlace> {
    const policyDir = join(dir, 'policy')
    mkdirSync(policyDir, { recursive: true })
    writeFileSync(join(policyDir, '00-bench.yaml'), policy)
    const stateDir = join(dir, 'state')
    daemon = await startDaemon({ stateDir, policyDir, port: 0, logLevel: 'error', limits })
    const { url, adminTokenPath } = daemon
    return { url, stateDir, adminTokenPath }
  },

  usage(): Usage {
    const { user, system } = process.cpuUsage()
    const { rss, heapUsed, external } = process.memoryUsage()
    return {
      atMs: performance.now(),
      cpuMs: (user + system) / 1000,
      rssBytes: rss,
      heapUsedBytes: heapUsed,
      externalBytes: external,
    }
  },

  /** Collects garbage, in a process that was started with --expose-gc. */
  async collect(rounds: number): Promise<void> {
    for (let round = 0; round < rounds; round++) {
      global.gc?.()
      await new Promise(resolve => setTimeout(resolve, 50))
    }
  },

  /** Watches the event loop and the garbage collector from now on. */
  watch(): void {
    observer.observe({ entryTypes: ['gc'] })
    delays.enable()
    delays.reset()
    Object.assign(collections, { count: 0, ms: 0, maxMs: 0 })
    watchedSinceMs = performance.now()
  },

  watched(): LoopReport {
    takeCollections(observer.takeRecords())
    return {
      seconds: (performance.now() - watchedSinceMs) / 1000,
      delayMaxMs: delays.max / NS_PER_MS - RESOLUTION_MS,
      delayP99Ms: delays.percentile(99) / NS_PER_MS - RESOLUTION_MS,
      gcMs: collections.ms,
      gcCount: collections.count,
      gcMaxMs: collections.maxMs,
    }
  },
}

export type DaemonCommands = typeof commands

dedicateProcess()
hostActor(() => commands)
