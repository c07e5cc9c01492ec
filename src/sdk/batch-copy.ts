import type { Batch } from './batch.js'

/** Datagrams are copied together up to so many bytes. */
const TOGETHER_BYTES = 64 * 1024
/** One that is as long as this is copied alone. */
const ALONE_BYTES = 4 * 1024

/**
 * Copies the datagrams of a batch as they are asked for, first to last. Short ones are copied many
 * at a time: the memory for a copy costs far more than the copying.
 */
export class BatchCopy {
  readonly #batch: Batch
  #copy: Uint8Array | undefined
  /** Where the copy starts in the batch's bytes, and the first datagram that is behind it. */
  #start = 0
  #next = 0

  constructor(batch: Batch) {
    this.#batch = batch
  }

  /** The batch holds other datagrams than it did. */
  begin(): void {
    this.#next = 0
    this.#copy = undefined
  }

  /** A copy of datagram `i`'s payload. */
  data(i: number): Uint8Array {
    const batch = this.#batch
    const start = batch.start(i)
    const end = batch.end(i)
    if (i >= this.#next) {
      if (end - start >= ALONE_BYTES) return batch.bytes.slice(start, end)
      this.#copyFrom(i, start, end)
    }
    return this.#copy!.subarray(start - this.#start, end - this.#start)
  }

  #copyFrom(i: number, start: number, endOfFirst: number): void {
    const batch = this.#batch
    let end = endOfFirst
    let next = i + 1
    while (next < batch.length) {
      const nextEnd = batch.end(next)
      if (nextEnd - start > TOGETHER_BYTES || nextEnd - batch.start(next) >= ALONE_BYTES) break
      end = nextEnd
      next++
    }
    this.#copy = batch.bytes.slice(start, end)
    this.#start = start
    this.#next = next
  }
}
