import type { Batch } from './batch.js'
import type { Receiver } from './receiver.js'

/** Reads a ring batch by batch; each step is done with the batch of the one before. */
export class BatchIterator implements AsyncIterableIterator<Batch, undefined> {
  readonly #receiver: Receiver
  #state: 'new' | 'reading' | 'done' = 'new'
  #isHeld = false

  constructor(receiver: Receiver) {
    this.#receiver = receiver
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async next(): Promise<IteratorResult<Batch, undefined>> {
    if (this.#state === 'done') return { done: true, value: undefined }
    const receiver = this.#receiver
    if (this.#state === 'new') receiver.take()
    this.#state = 'reading'
    this.#release()
    try {
      for (;;) {
        const filled = receiver.fill()
        if (filled === undefined) break
        if (filled) {
          this.#isHeld = true
          return { done: false, value: receiver.batch }
        }
        await receiver.changed()
      }
    } catch (error) {
      this.#finish()
      throw error
    }
    this.#finish()
    return { done: true, value: undefined }
  }

  return(): Promise<IteratorResult<Batch, undefined>> {
    this.#release()
    this.#finish()
    return Promise.resolve({ done: true, value: undefined })
  }

  #release(): void {
    if (!this.#isHeld) return
    this.#isHeld = false
    this.#receiver.consume(this.#receiver.batch.endOffset)
  }

  #finish(): void {
    if (this.#state === 'reading') this.#receiver.leave()
    this.#state = 'done'
  }
}
