import { availableParallelism } from 'node:os'
import type { Native } from './native.js'

/** About what it takes to wake two processes, which is what looking on saves. */
const POLLING_US = 50

/** In a stream others take that much longer to have more: they deal with many messages first. */
const STREAM_FACTOR = 2

/**
 * So long it looks again and again before the loop of events has its turn, which costs as much as
 * many looks. How many looks that is, others decide who are let run between them.
 */
const LOOKING_MS = 0.02

/** A turn that brought more messages than this is of a stream. */
const FEW_MESSAGES = 8

/**
 * Counts messages that were received or decided since whoever looks at it set it to 0, large ones
 * as several: see `loadOf`.
 */
export interface Load {
  messages: number
}

/** What a number of messages of so many bytes counts for: two of 64 KiB are no longer few. */
export function loadOf(messages: number, bytes: number): number {
  return messages + (bytes >>> 14)
}

/** How long is looked for more after something happened, twice as long in a stream, and how others are let run meanwhile. */
export interface Polling {
  /** Microseconds; 0: not at all. */
  readonly us: number
  readonly yieldProcessor: () => void
}

/**
 * Makes of a setting what fits this machine. Who looks on keeps others from running, unless it can
 * give way to them: without that it takes processors to spare.
 * @param setting `auto`, `off` or microseconds.
 */
export function pollingOf(
  setting: 'auto' | 'off' | number,
  native: Pick<Native, 'yieldProcessor'> | undefined,
  processors = availableParallelism(),
): Polling {
  const isFair = native === undefined ? processors > 2 : processors > 1
  const isWanted = setting !== 'off' && (setting !== 'auto' || native !== undefined)
  const us = setting === 'auto' || setting === 'off' ? POLLING_US : setting
  return {
    us: isWanted && isFair ? us : 0,
    yieldProcessor: () => native?.yieldProcessor(),
  }
}

/**
 * Decides when to look for something and when to sleep: while there is something it looks once a
 * turn, and for a while after it. Where messages come one by one that is how an answer is seen
 * without waking a process; in a stream it saves the bells, and whoever has something to do gets
 * the processor meanwhile. Ends by itself, so it keeps no process alive.
 */
export class Poller {
  readonly #load: Load
  readonly #polling: Polling
  readonly #look: () => boolean
  readonly #sleep: () => boolean
  #isTurning = false
  #isStopped = false
  #isStream = false
  #untilMs = 0
  readonly #onTurn = (): void => {
    this.#isTurning = false
    if (!this.#isStopped) this.#turn()
  }

  /**
   * @param load counts the messages that what is dealt with brings.
   * @param look deals with what is there; false when there was nothing.
   * @param sleep nothing is looked for until `stir`; returns false when there was something
   *   meanwhile, and so it can't.
   */
  constructor(polling: Polling, load: Load, look: () => boolean, sleep: () => boolean) {
    this.#polling = polling
    this.#load = load
    this.#look = look
    this.#sleep = sleep
  }

  /** It will look without being asked, once more at least. */
  get isTurning(): boolean {
    return this.#isTurning
  }

  /** It will look once more at least, and messages come many at a time. */
  get isInStream(): boolean {
    return this.#isTurning && this.#isStream
  }

  /** Something was dealt with: more may follow soon. */
  stir(): void {
    if (this.#polling.us > 0) {
      const us = this.#isStream ? this.#polling.us * STREAM_FACTOR : this.#polling.us
      this.#untilMs = performance.now() + us / 1000
    }
    this.#again()
  }

  /** Something was sent, whose answer may come soon; in a stream nobody waits for it. */
  expect(): void {
    if (this.#polling.us > 0 && !this.#isStream) this.stir()
  }

  /** Something came and was dealt with by others than `look`: when few messages, more may follow. */
  heard(): void {
    if (this.#polling.us === 0) return
    if (this.#load.messages <= FEW_MESSAGES) {
      this.stir()
    } else if (!this.#isTurning) {
      this.#load.messages = 0
      this.#isStream = true
    }
  }

  stop(): void {
    this.#isStopped = true
  }

  #turn(): void {
    const { messages } = this.#load
    this.#load.messages = 0
    if (messages > 0) this.#isStream = messages > FEW_MESSAGES
    const startMs = performance.now()
    for (let nowMs = startMs; nowMs - startMs <= LOOKING_MS; nowMs = performance.now()) {
      if (this.#look()) return this.stir()
      if (this.#isStopped) return
      if (nowMs >= this.#untilMs) {
        if (!this.#sleep()) this.#again()
        return
      }
      this.#polling.yieldProcessor()
    }
    this.#again()
  }

  #again(): void {
    if (this.#isTurning || this.#isStopped) return
    this.#isTurning = true
    setImmediate(this.#onTurn)
  }
}
