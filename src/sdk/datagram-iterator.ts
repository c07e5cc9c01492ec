import { withDeadline, type CallOptions } from './deadline.js'
import { BatchCopy } from './batch-copy.js'
import type { Batch } from './batch.js'
import { Datagram } from './datagram.js'
import type { Receiver } from './receiver.js'
import type { Ring } from './ring.js'

/** Reads a ring datagram by datagram; each is a copy, and done with when it is handed over. */
export class DatagramIterator implements AsyncIterableIterator<Datagram, undefined> {
  readonly #ring: Ring
  readonly #receiver: Receiver
  readonly #copy: BatchCopy
  #state: 'new' | 'reading' | 'done' = 'new'
  #index = 0
  #length = 0

  constructor(ring: Ring, receiver: Receiver) {
    this.#ring = ring
    this.#receiver = receiver
    this.#copy = new BatchCopy(receiver.batch)
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<Datagram, undefined>> {
    // Nearly every call: no function that could wait is entered where there is nothing to wait for.
    if (this.#index < this.#length) return Promise.resolve({ done: false, value: this.#take() })
    return this.#nextBatch()
  }

  return(): Promise<IteratorResult<Datagram, undefined>> {
    this.#finish()
    return Promise.resolve({ done: true, value: undefined })
  }

  async #nextBatch(): Promise<IteratorResult<Datagram, undefined>> {
    if (this.#state === 'done') return { done: true, value: undefined }
    if (this.#state === 'new') this.#receiver.take()
    this.#state = 'reading'
    try {
      for (;;) {
        // Another call may have filled the batch while this one waited.
        if (this.#index < this.#length) return { done: false, value: this.#take() }
        const filled = this.#receiver.fill()
        if (filled === undefined) break
        if (filled) {
          this.#index = 0
          this.#length = this.#receiver.batch.length
          this.#copy.begin()
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

  #take(): Datagram {
    const i = this.#index++
    const datagram = datagramAt(this.#ring, this.#receiver.batch, i, this.#copy.data(i))
    this.#receiver.consume(this.#receiver.batch.offsetAfter(i))
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
        const datagram = datagramAt(ring, batch, 0, batch.data(0).slice())
        receiver.consume(batch.offsetAfter(0))
        if (isWanted(datagram)) return datagram
      }
    }
    read().finally(finish).then(resolve, reject)
    return finish
  })
}

function datagramAt(ring: Ring, batch: Batch, i: number, data: Uint8Array): Datagram {
  const id = batch.sourceId(i)
  return new Datagram(ring, batch.source(i), id, batch.sourcePort(i), batch.type(i), data)
}
