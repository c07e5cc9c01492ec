/** What a timer of Node's can be set to at most. */
const DELAY_MS_MAX = 2 ** 31 - 1

/**
 * One timer for whatever is due next: of several times it is set to, the first counts, and whoever
 * is called then says when it is to be called again.
 */
export class DueTimer {
  readonly #work: () => void
  #timer: NodeJS.Timeout | undefined
  #at = Infinity
  #isStopped = false

  constructor(work: () => void) {
    this.#work = work
  }

  /** Calls after so many milliseconds at the latest. */
  set(delayMs: number): void {
    const delay = Math.min(delayMs, DELAY_MS_MAX)
    const at = performance.now() + delay
    if (this.#isStopped || at >= this.#at) return
    this.#at = at
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#due(), delay)
    this.#timer.unref()
  }

  /** Calls no more. */
  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
  }

  #due(): void {
    this.#at = Infinity
    this.#work()
  }
}
