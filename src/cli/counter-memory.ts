/**
 * The last counters of things by their names: a bounded number, of which those that have not counted
 * for longest are forgotten. Names come and go as long as somebody looks.
 */
export class CounterMemory<Counted> {
  readonly #max: number
  readonly #last = new Map<string, Counted>()
  #hasForgotten = false

  /** @param max how many names are remembered. */
  constructor(max: number) {
    this.#max = max
  }

  /**
   * What there was before.
   * @param now stands in for what may be forgotten: then nothing is taken to have happened since.
   * @returns undefined for a name that is new.
   */
  before(name: string, now: Counted): Counted | undefined {
    return this.#last.get(name) ?? (this.#hasForgotten ? now : undefined)
  }

  keep(name: string, now: Counted): void {
    this.#last.delete(name) // so that it is the youngest
    this.#last.set(name, now)
    if (this.#last.size <= this.#max) return
    const [oldest] = this.#last.keys()
    this.#last.delete(oldest!)
    this.#hasForgotten = true
  }
}
