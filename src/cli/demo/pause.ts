import { setTimeout as sleep } from 'node:timers/promises'

/** Waits that can be ended all at once. */
export class Pause {
  readonly #controller = new AbortController()

  /** @throws the reason given to `abort`. */
  async wait(ms: number): Promise<void> {
    const { signal } = this.#controller
    await sleep(ms, undefined, { signal }).catch(() => undefined)
    signal.throwIfAborted()
  }

  abort(reason: Error): void {
    this.#controller.abort(reason)
  }
}
