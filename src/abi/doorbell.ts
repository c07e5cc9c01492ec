import type { SharedMemory } from './shared-memory.js'

/**
 * How one side says that it sleeps, so that the other rings only then. The word counts: it is odd
 * while its owner sleeps, and every sleep has another odd number, so that a sleep that began after
 * the bell was rung is not taken for the one that it ended.
 *
 * To lose no wake-up the sleeper looks at everything it waits for once more after `sleep`, and the
 * other side asks `mustRing` after it has published what the sleeper is to see.
 */
export class SleepWord {
  readonly #words: Int32Array
  readonly #index: number
  #count = 0

  /** @param index one of SHARED_WORD, of this side. */
  constructor(memory: SharedMemory, index: number) {
    this.#words = memory.words
    this.#index = index
  }

  get isAsleep(): boolean {
    return (this.#count & 1) === 1
  }

  sleep(): void {
    if (!this.isAsleep) this.#next()
  }

  wake(): void {
    if (this.isAsleep) this.#next()
  }

  #next(): void {
    this.#count = (this.#count + 1) | 0
    Atomics.store(this.#words, this.#index, this.#count)
  }
}

/** The other side's view of a SleepWord. */
export class Doorbell {
  readonly #words: Int32Array
  readonly #index: number
  /** The sleep it was rung for last; an even number is none. */
  #rungFor = 0

  /** @param index one of SHARED_WORD, of the other side. */
  constructor(memory: SharedMemory, index: number) {
    this.#words = memory.words
    this.#index = index
  }

  /** True once for each sleep of the other side: then it is to be rung. */
  mustRing(): boolean {
    const count = Atomics.load(this.#words, this.#index)
    if ((count & 1) === 0 || count === this.#rungFor) return false
    this.#rungFor = count
    return true
  }
}
