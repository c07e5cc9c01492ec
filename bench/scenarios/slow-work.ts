/** Sleeps shorter than this are mostly overhead. */
const SLEEP_MS_MIN = 2

/**
 * Work on every datagram that holds the receiver up, as a write to a slow disk would: the thread
 * sleeps, so that it takes neither CPU time nor what has arrived meanwhile.
 */
export class SlowWork {
  readonly #never = new Int32Array(new SharedArrayBuffer(4))
  #perSecond: number | undefined
  #done = 0
  #startedMs = 0

  /** Datagrams each second; no bound unless set. */
  set perSecond(rate: number | undefined) {
    this.#perSecond = rate
    this.#done = 0
    this.#startedMs = performance.now()
  }

  /** One more datagram is worked off. */
  did(): void {
    if (this.#perSecond === undefined) return
    this.#done++
    const dueMs = (this.#done / this.#perSecond) * 1000
    const earlyMs = dueMs - (performance.now() - this.#startedMs)
    if (earlyMs >= SLEEP_MS_MIN) Atomics.wait(this.#never, 0, 0, earlyMs)
  }
}
