/** How much may wait. */
export interface TurnLimits {
  readonly waitingMax: number
  /** Of all that wait together, and of the one whose turn it is; one alone may hold more. */
  readonly bytesMax: number
}

/** Does one thing after the other, in the order in which they are asked for. */
export class Turns {
  readonly #limits: TurnLimits
  #last: Promise<unknown> = Promise.resolve()
  #count = 0
  #bytes = 0

  constructor(limits: TurnLimits) {
    this.#limits = limits
  }

  /** Whether one more may wait that holds so many bytes meanwhile. */
  hasRoomFor(bytes: number): boolean {
    const { waitingMax, bytesMax } = this.#limits
    return this.#count === 0 || (this.#count <= waitingMax && this.#bytes + bytes <= bytesMax)
  }

  /** Does something when all before it is done, whether there is room or not. */
  async take<T>(work: () => Promise<T>, bytes = 0): Promise<T> {
    const before = this.#last
    this.#count++
    this.#bytes += bytes
    const turn = before.then(work)
    this.#last = turn.catch(() => undefined)
    try {
      return await turn
    } finally {
      this.#count--
      this.#bytes -= bytes
    }
  }

  /** Fulfilled when all that was asked for until now is done. */
  async done(): Promise<void> {
    await this.#last
  }
}
