import type { AskFeed } from './ask-feed.js'
import { EventStream } from './event-stream.js'

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
export class AskStream extends EventStream {
  readonly #feed: AskFeed
  readonly #list: () => object
  #isNews = true

  constructor(feed: AskFeed, { list, isAllowed }: AskStreamOptions) {
    super(isAllowed)
    this.#feed = feed
    this.#list = list
  }

  /** Starts to follow. @returns false when there are too many viewers. */
  start(): boolean {
    return this.follow(
      this.#feed.watch(() => {
        this.#isNews = true
        this.fill()
      }),
    )
  }

  protected override fill(): void {
    if (!this.isWanted || !this.#isNews || !this.isFollowing) return
    this.#isNews = false
    this.send(`event: asks\ndata: ${JSON.stringify(this.#list())}\n\n`)
  }
}
