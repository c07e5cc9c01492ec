import { Readable } from 'node:stream'
import type { AskFeed } from './ask-feed.js'

const TICK_MS = 1_000
const TICKS_PER_HEARTBEAT = 15

export interface AskStreamOptions {
  /** The list as it is now. */
  readonly list: () => object
  /** Asked every second: the stream ends once it says no, or throws. */
  readonly isAllowed: () => boolean
}

/**
 * The asks and grants as server-sent events: `asks` with the whole list, now and whenever it has
 * changed. A viewer that is slow gets fewer of them and the newest last, so it never misses how
 * things stand.
 */
export class AskStream extends Readable {
  readonly #feed: AskFeed
  readonly #options: AskStreamOptions
  #isWanted = false
  #isNews = true
  #ticks = 0
  #unwatch: (() => void) | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(feed: AskFeed, options: AskStreamOptions) {
    super({ encoding: 'utf8' })
    this.#feed = feed
    this.#options = options
  }

  /** Starts to follow. @returns false when there are too many viewers. */
  start(): boolean {
    this.#unwatch = this.#feed.watch(() => {
      this.#isNews = true
      this.#tell()
    })
    if (this.#unwatch === undefined) return false
    this.#timer = setInterval(() => this.#tick(), TICK_MS)
    this.#timer.unref()
    return true
  }

  /** Ends the stream for its viewer. */
  finish(): void {
    this.#stop()
    if (!this.destroyed && !this.readableEnded) this.push(null)
  }

  override _read(): void {
    this.#isWanted = true
    this.#tell()
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#stop()
    callback(error)
  }

  #tell(): void {
    if (!this.#isWanted || !this.#isNews || this.#unwatch === undefined) return
    this.#isNews = false
    this.#isWanted = this.push(`event: asks\ndata: ${JSON.stringify(this.#options.list())}\n\n`)
  }

  #tick(): void {
    if (!this.#isAllowed()) {
      this.finish()
      return
    }
    this.#ticks++
    if (this.#isWanted && this.#ticks % TICKS_PER_HEARTBEAT === 0) {
      this.#isWanted = this.push(':\n\n')
    }
  }

  // A store that can't say whether the token still holds doesn't say that it does.
  #isAllowed(): boolean {
    try {
      return this.#options.isAllowed()
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
