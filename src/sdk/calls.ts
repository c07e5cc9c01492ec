import { withDeadline, type CallOptions } from './deadline.js'

/** What becomes of a request to the daemon. */
interface Call<T> {
  readonly resolve: (answer: T) => void
  readonly reject: (error: Error) => void
}

/** Requests to the daemon that are not answered, by their numbers. */
export class Calls<T> {
  readonly #calls = new Map<number, Call<T>>()
  #lastId = 0

  /**
   * Asks and waits for the answer.
   * @param ask sends the request of that number.
   * @param onLate gets an answer that comes when the caller has stopped waiting.
   */
  call(
    options: CallOptions,
    ask: (id: number) => void,
    onLate: (answer: T) => void = () => undefined,
  ): Promise<T> {
    return withDeadline<T>(options, (resolve, reject) => {
      do this.#lastId = (this.#lastId % 0xffffffff) + 1
      while (this.#calls.has(this.#lastId))
      const id = this.#lastId
      this.#calls.set(id, { resolve, reject })
      ask(id)
      return () => {
        this.#calls.set(id, { resolve: onLate, reject: () => undefined })
      }
    })
  }

  /** Hands an answer to whoever asked; one to nobody's question is ignored. */
  answer(id: number, answer: T): void {
    const call = this.#calls.get(id)
    this.#calls.delete(id)
    call?.resolve(answer)
  }

  failAll(error: Error): void {
    const calls = [...this.#calls.values()]
    this.#calls.clear()
    for (const call of calls) call.reject(error)
  }
}
