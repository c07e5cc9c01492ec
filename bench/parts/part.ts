import { once } from 'node:events'
import type { Door, Job, Latency, PartName, Report, Request, Snapshot } from '../protocol.js'

/** One of the parts of a trial, at work since it was made. */
export interface Part {
  /** Datagrams received, or sent by a source. */
  readonly datagrams: number
  /** Round trips since the last call. */
  takeLatency?(): Latency
  /** Sends nothing more from now on. */
  stop?(): void
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
    if (ask === 'stop') part.stop?.()
    tell({ kind: 'answer', id, snapshot: snapshotOf(part) })
  })
  tell({ kind: 'ready', doors })
}

function snapshotOf(part: Part): Snapshot {
  const { user, system } = process.cpuUsage()
  return {
    atMs: performance.now(),
    cpuMs: (user + system) / 1000,
    datagrams: part.datagrams,
    latency: part.takeLatency?.(),
  }
}

function tell(report: Report): void {
  if (process.connected) process.send!(report)
}
