import { withDeadline, type CallOptions } from './deadline.js'
import { Datagram } from './datagram.js'
import type { Receiver } from './receiver.js'
import type { Ring } from './ring.js'

/** Reads a ring datagram by datagram; each is a copy, and done with when it is handed over. */
export class DatagramIterator implements AsyncIterableIterator<Datagram, undefined> {
  readonly #ring: Ring
  readonly #receiver: Receiver
  #state: 'new' | 'reading' | 'done' = 'new'
  #index = 0
  #length = 0

  constructor(ring: Ring, receiver: Receiver) {
    this.#ring = ring
    this.#receiver = receiver
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async next(): Promise<IteratorResult<Datagram, undefined>> {
    if (this.#state === 'done') return { done: true, value: undefined }
    if (this.#state === 'new') this.#receiver.take()
    this.#state = 'reading'
    try {
      for (;;) {
        if (this.#index < this.#length) return { done: false, value: this.#take() }
        const filled = this.#receiver.fill()
        if (filled === undefined) break
        if (filled) {
          this.#index = 0
          this.#length = this.#receiver.batch.length
        } else {
          await this.#receiver.changed()
        }
      }
    } catch (error) {
      this.#finish()
      throw error
    }
    this.#finish()
    return { done: true, value: undefined }
  }

  return(): Promise<IteratorResult<Datagram, undefined>> {
    this.#finish()
    return Promise.resolve({ done: true, value: undefined })
  }

  #take(): Datagram {
    const { batch } = this.#receiver
    const i = this.#index++
    const source = { domain: batch.source(i), port: batch.sourcePort(i) }
    const data = batch.data(i).slice()
    const datagram = new Datagram(this.#ring, source, batch.sourceId(i), batch.type(i), data)
    this.#receiver.consume(batch.offsetAfter(i))
    return datagram
  }

  #finish(): void {
    if (this.#state === 'reading') this.#receiver.leave()
    this.#state = 'done'
    this.#length = 0
  }
}

/**
 * Takes the next datagram that a test admits; the ones before it are thrown away.
 * @returns undefined when the ring was closed.
 */
export function receiveOne(
  ring: Ring,
  receiver: Receiver,
  options: CallOptions,
  isWanted: (datagram: Datagram) => boolean = () => true,
): Promise<Datagram | undefined> {
  return withDeadline<Datagram | undefined>(options, (resolve, reject) => {
    let isOver = false
    receiver.take()
    const finish = (): void => {
      if (isOver) return
      isOver = true
      receiver.leave()
    }
    const read = async (): Promise<Datagram | undefined> => {
      for (;;) {
        if (isOver) return undefined
        const filled = receiver.fill()
        if (filled === undefined) return undefined
        if (!filled) {
          await receiver.changed()
          continue
        }
        const { batch } = receiver
        const source = { domain: batch.source(0), port: batch.sourcePort(0) }
        const data = batch.data(0).slice()
        const datagram = new Datagram(ring, source, batch.sourceId(0), batch.type(0), data)
        receiver.consume(batch.offsetAfter(0))
        if (isWanted(datagram)) return datagram
      }
    }
    read().finally(finish).then(resolve, reject)
    return finish
  })
}
