const FIRST_WORDS = 1_024

/** Numbers from 0 to 0xFFFFFFFF in a row that grows. */
export class WordList {
  #words = new Uint32Array(FIRST_WORDS)
  #length = 0

  get length(): number {
    return this.#length
  }

  push(word: number): void {
    this.#makeRoom(1)
    this.#words[this.#length++] = word
  }

  append(words: ArrayLike<number>): void {
    this.#makeRoom(words.length)
    this.#words.set(words, this.#length)
    this.#length += words.length
  }

  /** A copy of them that has a buffer of its own. */
  toArray(): Uint32Array<ArrayBuffer> {
    return this.#words.slice(0, this.#length)
  }

  #makeRoom(count: number): void {
    const needed = this.#length + count
    if (needed <= this.#words.length) return
    const larger = new Uint32Array(Math.max(needed, 2 * this.#words.length))
    larger.set(this.#words)
    this.#words = larger
  }
}
