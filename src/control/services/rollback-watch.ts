import type { Store } from '../../store/store.js'
import type { Clock } from '../../util/clock.js'
import type { Log } from './log.js'

/** How long whoever applies a policy may take to confirm it. */
export const CONFIRM_MS_MAX = 60 * 60 * 1_000
/** A rollback that failed, such as for want of space, is tried again: ever less often. */
const RETRY_MS = 1_000
const RETRY_MS_MAX = 60_000

/** Sees to it that a revision goes away again when nobody has confirmed it in time. */
export class RollbackWatch {
  readonly #store: Store
  readonly #clock: Clock
  readonly #log: Log | undefined
  readonly #rollBack: () => Promise<string | undefined>
  #timer: NodeJS.Timeout | undefined
  #retryMs = RETRY_MS
  #problem: string | undefined
  #isClosed = false

  /** @param rollBack puts the policy before it in force; says why when it can't be done now. */
  constructor(
    store: Store,
    clock: Clock,
    log: Log | undefined,
    rollBack: () => Promise<string | undefined>,
  ) {
    this.#store = store
    this.#clock = clock
    this.#log = log
    this.#rollBack = rollBack
  }

  /** Why something is in force still that nobody has confirmed in time. */
  get problem(): string | undefined {
    return this.#problem
  }

  /**
   * Sets the timer for the revision that waits, if one does: by what is left, so that a clock that
   * is set does not matter while this runs.
   */
  start(): void {
    this.#problem = undefined
    this.#retryMs = RETRY_MS
    clearTimeout(this.#timer)
    const waiting = this.#store.policies.unconfirmed()
    if (waiting === undefined) return
    const { deadline } = waiting
    this.#set(Math.min(Math.max(0, deadline - this.#clock.now()), CONFIRM_MS_MAX))
  }

  /** Rolls nothing back any more. */
  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
  }

  #set(delayMs: number): void {
    if (this.#isClosed) return
    this.#timer = setTimeout(() => void this.#overdue(), delayMs)
    this.#timer.unref()
  }

  async #overdue(): Promise<void> {
    const failed = await this.#rollBack().catch((error: unknown) =>
      error instanceof Error ? error.message : String(error),
    )
    if (failed === undefined) return
    const problem = `a revision that nobody confirmed in time could not be rolled back: ${failed}`
    if (this.#problem === undefined) this.#log?.error({}, `${problem}; it is tried again`)
    this.#problem = problem
    this.#set(this.#retryMs)
    this.#retryMs = Math.min(2 * this.#retryMs, RETRY_MS_MAX)
  }
}
