import { Readable } from 'node:stream'

const TICK_MS = 1_000
const TICKS_PER_HEARTBEAT = 15

/**
 * Server-sent events for one viewer. It says nothing until the viewer's socket takes it, shows a
 * sign of life every 15 seconds, and ends with the right to see it.
 */
export abstract class EventStream extends Readable {
  readonly #isAllowed: () => boolean
  #isWanted = false
  #ticks = 0
  #unwatch: (() => void) | undefined
  #timer: NodeJS.Timeout | undefined

  /** @param isAllowed asked every second while following: the stream ends at no, or when it throws. */
  constructor(isAllowed: () => boolean) {
    super({ encoding: 'utf8' })
    this.#isAllowed = isAllowed
  }

  /** Ends the stream for its viewer. */
  finish(): void {
    this.#stop()
    if (!this.destroyed && !this.readableEnded) this.push(null)
  }

  override _read(): void {
    this.#isWanted = true
    this.fill()
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#stop()
    callback(error)
  }

  /** Sends what there is to say for as long as it is wanted. */
  protected abstract fill(): void

  /** The viewer takes more. */
  protected get isWanted(): boolean {
    return this.#isWanted
  }

  /** News come. */
  protected get isFollowing(): boolean {
    return this.#unwatch !== undefined
  }

  /**
   * Begins to wait for news.
   * @param unwatch ends what brings them; undefined when there are too many viewers.
   * @returns false when there are.
   */
  protected follow(unwatch: (() => void) | undefined): boolean {
    if (unwatch === undefined) return false
    this.#unwatch = unwatch
    this.#timer = setInterval(() => this.#tick(), TICK_MS)
    this.#timer.unref()
    return true
  }

  protected send(text: string): void {
    this.#isWanted = this.push(text)
  }

  #tick(): void {
    if (!this.#mayGoOn()) {
      this.finish()
      return
    }
    this.#ticks++
    if (this.#isWanted && this.#ticks % TICKS_PER_HEARTBEAT === 0) this.send(':\n\n')
  }

  // A store that can't say whether the token still holds doesn't say that it does.
  #mayGoOn(): boolean {
    try {
      return this.#isAllowed()
    } catch {
      return false
    }
  }

  #stop(): void {
    this.#unwatch?.()
    this.#unwatch = undefined
    clearInterval(this.#timer)
  }
}
