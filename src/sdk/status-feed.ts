import type { TransportKind } from './transport.js'

/** What `Domain.status` tells. */
export type Status =
  | {
      readonly kind: 'connected'
      readonly domain: string
      readonly session: number
      readonly revision: number
      /** How the session reaches the daemon. */
      readonly transport: TransportKind
    }
  /** A ring this session asked for is there. */
  | { readonly kind: 'ring-up'; readonly domain: string; readonly port: number }
  /** A ring this session had to do with is gone. */
  | { readonly kind: 'ring-down'; readonly domain: string; readonly port: number }
  /** A domain this session had to do with has no session any more. */
  | { readonly kind: 'domain-down'; readonly domain: string }
  /** Another policy is in force. */
  | { readonly kind: 'policy-changed'; readonly revision: number }
  /** So many entries were thrown away because they were not read in time. */
  | { readonly kind: 'lost'; readonly count: number }
  /** The last entry; with the reason when the session was lost. */
  | { readonly kind: 'closed'; readonly error: Error | undefined }

/** Entries kept for one reader. */
const ENTRIES_MAX = 256

/** One reader's view of what happens to a session; the oldest entries give way to new ones. */
export class StatusFeed implements AsyncIterableIterator<Status, undefined> {
  readonly #onReturn: (feed: StatusFeed) => void
  #entries: Status[] = []
  #lost = 0
  #isDone = false
  #wake: (() => void)[] = []

  /** @param onReturn called when nobody reads it any more. */
  constructor(onReturn: (feed: StatusFeed) => void) {
    this.#onReturn = onReturn
  }

  push(status: Status): void {
    this.#entries.push(status)
    if (this.#entries.length > ENTRIES_MAX) {
      this.#entries.shift()
      this.#lost++
    }
    this.#wakeUp()
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async next(): Promise<IteratorResult<Status, undefined>> {
    for (;;) {
      if (this.#lost > 0) {
        const count = this.#lost
        this.#lost = 0
        return { done: false, value: { kind: 'lost', count } }
      }
      const status = this.#entries.shift()
      if (status !== undefined) {
        if (status.kind === 'closed') this.#finish()
        return { done: false, value: status }
      }
      if (this.#isDone) return { done: true, value: undefined }
      await new Promise<void>(resolve => this.#wake.push(resolve))
    }
  }

  return(): Promise<IteratorResult<Status, undefined>> {
    this.#entries = []
    this.#lost = 0
    this.#finish()
    return Promise.resolve({ done: true, value: undefined })
  }

  #finish(): void {
    this.#isDone = true
    this.#onReturn(this)
    this.#wakeUp()
  }

  #wakeUp(): void {
    const wake = this.#wake
    this.#wake = []
    for (const resolve of wake) resolve()
  }
}
