import { AbortError, V4vError } from './errors.js'

/** Ways to end a call before its time; every asynchronous call takes them. */
export interface CallOptions {
  /** Rejects the call with an AbortError. */
  readonly signal?: AbortSignal | undefined
  /** Rejects the call with ETIMEDOUT after so many milliseconds. */
  readonly timeoutMs?: number | undefined
}

/** The longest time setTimeout can be given. */
const TIMEOUT_MS_MAX = 2 ** 31 - 1

/** Watches the signal and the clock for one call; leaves no listener and no timer when cleared. */
export class Deadline {
  readonly #signal: AbortSignal | undefined
  readonly #onEnd: (error: Error) => void
  readonly #onAbort = (): void => this.#end(new AbortError(this.#signal?.reason))
  #timer: NodeJS.Timeout | undefined

  /**
   * @param onEnd called at most once, not inside the constructor.
   * @throws AbortError when the signal is aborted already, V4vError EINVAL for a bad timeout.
   */
  constructor(options: CallOptions, onEnd: (error: Error) => void) {
    this.#onEnd = onEnd
    const { signal, timeoutMs } = options
    if (signal?.aborted === true) throw new AbortError(signal.reason)
    if (timeoutMs !== undefined) {
      if (!(timeoutMs >= 0)) {
        throw new V4vError('EINVAL', `timeoutMs is a number from 0 up, not ${timeoutMs}`)
      }
      const error = new V4vError('ETIMEDOUT', `not done within ${timeoutMs} ms`)
      if (timeoutMs <= TIMEOUT_MS_MAX) this.#timer = setTimeout(() => this.#end(error), timeoutMs)
    }
    this.#signal = signal
    signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  clear(): void {
    clearTimeout(this.#timer)
    this.#signal?.removeEventListener('abort', this.#onAbort)
  }

  #end(error: Error): void {
    this.clear()
    this.#onEnd(error)
  }
}

/**
 * A promise that a deadline can reject.
 * @param begin gets the promise's two ends and may return what undoes the call when it ends early.
 */
export function withDeadline<T>(
  options: CallOptions,
  begin: (
    resolve: (value: T) => void,
    reject: (error: unknown) => void,
  ) => (() => void) | undefined,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    let undo: (() => void) | undefined
    const deadline = new Deadline(options, error => {
      undo?.()
      reject(error)
    })
    const fail = (error: unknown): void => {
      deadline.clear()
      reject(error)
    }
    try {
      undo = begin(value => {
        deadline.clear()
        resolve(value)
      }, fail)
    } catch (error) {
      fail(error)
    }
  })
}
