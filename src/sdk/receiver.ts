import type { FrameBytes } from '../abi/frame.js'
import { loadOf, type Load } from '../native/poller.js'
import { Batch } from './batch.js'
import { V4vError } from './errors.js'
import { RingMirror } from './ring-mirror.js'

/** So much of a ring's length is freed at once; less waits for the turn to end. */
const URGENT_SHARE = 4

/** The reading side of a ring: what has arrived, the one who reads it, and what is done with. */
export class Receiver {
  readonly mirror: RingMirror
  readonly batch: Batch
  readonly #onConsumed: (isUrgent: boolean) => void
  readonly #load: Load
  #reportedOffset = 0
  /** What has been read will be reported at the end of the turn. */
  #isReportDue = false
  #isTaken = false
  #isEnded = false
  #error: Error | undefined
  #waiting: Promise<void> | undefined
  #wake: (() => void) | undefined

  /**
   * @param onConsumed called when the daemon should hear how far the ring has been read.
   * @param load counts what is read.
   * @param memory where the daemon puts the ring's bytes itself, if it does.
   */
  constructor(
    length: number,
    nameOf: (domain: number) => string,
    onConsumed: (isUrgent: boolean) => void,
    load: Load,
    memory?: FrameBytes,
  ) {
    this.mirror = new RingMirror(length, memory)
    this.batch = new Batch(this.mirror, nameOf)
    this.#onConsumed = onConsumed
    this.#load = load
  }

  /** Takes a region of the ring, or says what is wrong with it. */
  write(offset: number, from: Uint8Array, start: number, end: number): string | undefined {
    const problem = this.mirror.write(offset, from, start, end)
    this.#wakeUp()
    return problem
  }

  /** A region of the ring lies where it belongs; says what is wrong with that. */
  grow(offset: number, size: number): string | undefined {
    const problem = this.mirror.grow(offset, size)
    this.#wakeUp()
    return problem
  }

  /** Nothing more will arrive. With an error, what has arrived can still be read before it. */
  end(error?: Error): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#error = error
    this.#wakeUp()
  }

  /**
   * Makes the caller the one who reads.
   * @throws V4vError EINVAL when there is one.
   */
  take(): void {
    if (this.#isTaken) throw new V4vError('EINVAL', 'a ring is read by one consumer at a time')
    this.#isTaken = true
  }

  leave(): void {
    this.#isTaken = false
  }

  /**
   * Fills the batch with what is not consumed.
   * @returns true when it has something, false when there is nothing yet, undefined at the end.
   * @throws the error the ring ended with.
   */
  fill(): boolean | undefined {
    if (this.#isEnded && this.#error === undefined) return undefined
    if (this.batch.cut(this.mirror.consumed)) {
      const { batch, mirror } = this
      this.#load.messages += loadOf(batch.length, batch.endOffset - mirror.consumed)
      return true
    }
    if (this.#error !== undefined) throw this.#error
    return false
  }

  /** Settles when `fill` may have another answer. */
  changed(): Promise<void> {
    this.#waiting ??= new Promise(resolve => (this.#wake = resolve))
    return this.#waiting
  }

  /** Everything before `offset` is done with. */
  consume(offset: number): void {
    this.mirror.consume(offset)
    if (this.#isEnded) return
    const unreported = offset - this.#reportedOffset
    const isUrgent = unreported * URGENT_SHARE >= this.mirror.length
    if (unreported <= 0 || (this.#isReportDue && !isUrgent)) return
    this.#isReportDue = true
    this.#onConsumed(isUrgent)
  }

  /** How far the ring has been read, which is being reported now. */
  takeConsumed(): number {
    this.#isReportDue = false
    this.#reportedOffset = this.mirror.consumed
    return this.#reportedOffset
  }

  #wakeUp(): void {
    const wake = this.#wake
    this.#waiting = undefined
    this.#wake = undefined
    wake?.()
  }
}
