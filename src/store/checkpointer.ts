import { Worker } from 'node:worker_threads'
import type { CheckpointAnswer, CheckpointRequest } from './checkpoint-worker.js'

/** A database whose write-ahead log is to be kept short. */
export interface Checkpointed {
  readonly path: string
  /** How often something was committed so far. */
  readonly commits: number
  /** False for a file that waits for no disk. */
  readonly isDurable: boolean
}

/** Commits after which a log is moved at the next call. */
const COMMITS_MIN = 64
/** Calls after which a log with fewer commits is moved, too. */
const CALLS_MAX = 10
/** The thread only calls SQLite. */
const HEAP_MB_MAX = 64

/**
 * Moves write-ahead logs into their databases, in a thread: it takes milliseconds of writing and
 * waiting for the disk, which would hold up every datagram. The thread is started when there is
 * something to move. Where it does not keep up, SQLite moves the log as it commits.
 */
export class Checkpointer {
  readonly #databases: readonly Checkpointed[]
  readonly #onError: (message: string) => void
  readonly #moved = new Map<Checkpointed, { commits: number; calls: number }>()
  #worker: Worker | undefined
  #busy = 0

  /** @param onError told when a log could not be moved, which does no harm but takes room. */
  constructor(databases: readonly Checkpointed[], onError: (message: string) => void) {
    this.#databases = databases
    this.#onError = onError
    for (const database of databases) {
      this.#moved.set(database, { commits: database.commits, calls: 0 })
    }
  }

  /** Has moved what has come together: now and then. */
  tick(): void {
    if (this.#busy > 0) return
    for (const database of this.#databases) {
      const moved = this.#moved.get(database)!
      const commits = database.commits - moved.commits
      if (commits === 0) continue
      if (commits < COMMITS_MIN && ++moved.calls < CALLS_MAX) continue
      moved.commits = database.commits
      moved.calls = 0
      this.#busy++
      const { path, isDurable } = database
      this.#running().postMessage({ path, isDurable } satisfies CheckpointRequest)
    }
  }

  /** Ends the thread, before the databases are closed. */
  async close(): Promise<void> {
    const worker = this.#worker
    worker?.ref() // whoever waits for the end is not to end before
    await worker?.terminate()
  }

  #running(): Worker {
    if (this.#worker !== undefined) return this.#worker
    const worker = new Worker(new URL('checkpoint-worker.js', import.meta.url), {
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB_MAX },
    })
    worker.on('message', ({ failure }: CheckpointAnswer) => {
      this.#busy--
      if (failure !== undefined) this.#onError(failure)
    })
    worker.on('error', error => this.#onError(error.message))
    worker.on('exit', () => {
      this.#worker = undefined
      this.#busy = 0
    })
    worker.unref()
    this.#worker = worker
    return worker
  }
}
