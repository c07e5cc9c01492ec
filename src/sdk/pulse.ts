/** A daemon that is not heard of in so many of its own ping intervals is taken for dead. */
const SILENT_INTERVALS_MAX = 3

/** Watches that the daemon is heard of; does not keep the process alive. */
export class Pulse {
  readonly #timer: NodeJS.Timeout | undefined
  #silentIntervals = 0

  /** @param intervalMs between the daemon's pings; 0 when it sends none. */
  constructor(intervalMs: number, onSilence: () => void) {
    if (intervalMs === 0) return
    this.#timer = setInterval(() => {
      this.#silentIntervals++
      if (this.#silentIntervals > SILENT_INTERVALS_MAX) onSilence()
    }, intervalMs).unref()
  }

  /** Something arrived. */
  heard(): void {
    this.#silentIntervals = 0
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}
