import { assert } from '../util/assert.js'

/**
 * Which parts of a range are in use. First fit: a range given back is used again before what lies
 * behind it. The free ranges are kept in order, never touch each other, and are never empty.
 */
export class Arena {
  readonly #granule: number
  readonly #free: { at: number; bytes: number }[] = []

  /**
   * @param at where the range starts, and `bytes` how long it is; both multiples of
   * @param granule the bytes that a part starts and ends at multiples of.
   */
  constructor(at: number, bytes: number, granule: number) {
    assert(at % granule === 0 && bytes % granule === 0, 'an arena is whole granules')
    this.#granule = granule
    if (bytes > 0) this.#free.push({ at, bytes })
  }

  /** Bytes that nobody uses. */
  get freeBytes(): number {
    return this.#free.reduce((sum, range) => sum + range.bytes, 0)
  }

  /**
   * Takes a part of at least so many bytes.
   * @returns where it starts, or undefined when no free range is long enough.
   */
  take(bytes: number): number | undefined {
    const size = this.size(bytes)
    const index = this.#free.findIndex(range => range.bytes >= size)
    if (index < 0) return undefined
    const range = this.#free[index]!
    const { at } = range
    range.at += size
    range.bytes -= size
    if (range.bytes === 0) this.#free.splice(index, 1)
    return at
  }

  /** Gives back a part that was taken for so many bytes. */
  give(at: number, bytes: number): void {
    const size = this.size(bytes)
    const found = this.#free.findIndex(range => range.at > at)
    const index = found < 0 ? this.#free.length : found
    const before = this.#free[index - 1]
    const after = this.#free[index]
    assert(before === undefined || before.at + before.bytes <= at, 'what is given back was taken')
    assert(after === undefined || at + size <= after.at, 'what is given back was taken')
    this.#free.splice(index, 0, { at, bytes: size })
    this.#join(index)
    this.#join(index - 1)
  }

  /** What a part for so many bytes takes. */
  size(bytes: number): number {
    return Math.ceil(bytes / this.#granule) * this.#granule
  }

  /** Makes one of a free range and the next, where they touch. */
  #join(index: number): void {
    const range = this.#free[index]
    const next = this.#free[index + 1]
    if (range === undefined || next === undefined || range.at + range.bytes !== next.at) return
    range.bytes += next.bytes
    this.#free.splice(index + 1, 1)
  }
}
