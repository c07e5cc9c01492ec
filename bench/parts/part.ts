import { once } from 'node:events'
import type { Door, Job, Latency, PartName, Report, Request, Snapshot } from '../protocol.js'

/** One of the parts of a trial. A source does nothing before it is told to. */
export interface Part {
  /** Datagrams received, or sent by a source. */
  readonly datagrams: number
  /** What it costs, where that is not what this process does. */
  cost?(): Cost
  /** Round trips since the last call. */
  takeLatency?(): Latency
  /** Sends from now on. */
  start?(): void
  /** Sends nothing more, until it is told to. */
  stop?(): void
}

/** What a process took so far. */
export interface Cost {
  readonly cpuMs: number
  readonly rssBytes: number
}

/** Parts by name, and where clients of a relay attach. */
export interface Hosted {
  readonly parts: Partial<Record<PartName, Part>>
  readonly doors?: Partial<Record<PartName, Door>>
}

/** Ends a trial: it says what went wrong to the harness, which ends this process. */
export type Fail = (reason: string) => void

/**
 * The frame of every process of a trial: starts what it hosts, answers the harness, and ends when
 * the harness does.
 */
export async function hostParts(start: (job: Job, fail: Fail) => Promise<Hosted>): Promise<void> {
  process.on('disconnect', () => process.exit())
  const fail: Fail = reason => tell({ kind: 'failed', reason })
  process.on('uncaughtException', error => fail(error.stack ?? String(error)))
  const [job] = (await once(process, 'message')) as [Job]
  const { parts, doors = {} } = await start(job, fail)
  process.on('message', ({ id, part: name, ask }: Request) => {
    const part = parts[name]
    if (part === undefined) {
      fail(`this process does not host a ${name}`)
      return
    }
    if (ask !== 'snapshot') part[ask]?.()
    tell({ kind: 'answer', id, snapshot: snapshotOf(part) })
  })
  tell({ kind: 'ready', doors })
}

function snapshotOf(part: Part): Snapshot {
  return {
    atMs: performance.now(),
    ...(part.cost?.() ?? costHere()),
    datagrams: part.datagrams,
    latency: part.takeLatency?.(),
  }
}

function costHere(): Cost {
  const { user, system } = process.cpuUsage()
  return { cpuMs: (user + system) / 1000, rssBytes: process.memoryUsage.rss() }
}

function tell(report: Report): void {
  if (process.connected) process.send!(report)
}
