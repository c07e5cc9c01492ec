import { createReadStream, openSync, rmSync, type ReadStream } from 'node:fs'
import { dirname, join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { refuse, type Refusal } from '../../store/refusal.js'
import type { Store } from '../../store/store.js'
import { StoreError } from '../../store/store-error.js'
import { assert } from '../../util/assert.js'
import type { StateCheck } from '../state/check-state.js'
import type { StateAnswer, StateRequest } from '../state/state-worker.js'
import type { Cause } from './cause.js'
import type { Changes } from './changes.js'

/** A policy may be large, and is looked at as a whole. */
const HEAP_MB_MAX = 512
const COPY_FILE = 'backup.unfinished'

/**
 * Looks at the files of a daemon that runs, and copies them: in a thread that ends with it, since
 * all of the database is read.
 */
export class StateService {
  readonly #dir: string
  readonly #changes: Changes
  readonly #workers = new Set<Worker>()
  #checking: Promise<StateCheck> | undefined
  #isCopying = false

  constructor(store: Store, changes: Changes) {
    this.#dir = dirname(store.path)
    this.#changes = changes
  }

  /** What is in the state folder; who asks while somebody else does gets the same answer. */
  check(): Promise<StateCheck> {
    this.#checking ??= this.#ask({ dir: this.#dir })
      .then(check => {
        assert(check !== undefined, 'a check was asked for')
        return check
      })
      .finally(() => {
        this.#checking = undefined
      })
    return this.#checking
  }

  /**
   * A copy of the database as it is now.
   * @returns its bytes, which are gone once they were read; EBUSY while another one is made.
   */
  async backUp(
    cause: Cause,
  ): Promise<{ readonly ok: true; readonly bytes: ReadStream } | Refusal<'EBUSY'>> {
    if (this.#isCopying) return refuse('EBUSY', 'a copy is being made already: try again')
    const path = join(this.#dir, COPY_FILE)
    this.#isCopying = true
    try {
      const done = this.#changes.make(
        cause,
        () => ({ ok: true as const }),
        () => ({ action: 'state.backup', target: 'database' }),
      )
      assert(done.ok, 'nothing refuses it')
      rmSync(path, { force: true })
      await this.#ask({ dir: this.#dir, copyTo: path })
      const fd = openSync(path, 'r')
      return { ok: true, bytes: createReadStream(path, { fd }) }
    } finally {
      // Who has it open can read it still.
      rmSync(path, { force: true })
      this.#isCopying = false
    }
  }

  /** Ends what is under way. */
  async close(): Promise<void> {
    await Promise.all([...this.#workers].map(worker => worker.terminate()))
  }

  #ask(request: StateRequest): Promise<StateCheck | undefined> {
    const worker = new Worker(new URL('../state/state-worker.js', import.meta.url), {
      workerData: request,
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB_MAX },
    })
    this.#workers.add(worker)
    return new Promise((resolve, reject) => {
      worker.on('message', (answer: StateAnswer) => {
        if ('failure' in answer) reject(new StoreError('failed', answer.failure))
        else resolve(answer.check)
      })
      worker.on('error', reject)
      worker.on('exit', () => {
        this.#workers.delete(worker)
        reject(new StoreError('failed', 'the daemon is going down'))
      })
    })
  }
}
