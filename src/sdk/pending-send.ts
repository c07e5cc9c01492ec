import { messageSlotsBytes } from '../abi/message.js'
import { Deadline, type CallOptions } from './deadline.js'
import { V4vError } from './errors.js'
import type { Flow } from './flow.js'
import type { Ring } from './ring.js'

/** One `send` whose promise is not settled. */
export class PendingSend {
  readonly ring: Ring
  readonly flow: Flow
  readonly iovs: readonly Uint8Array[]
  readonly payloadBytes: number
  /** Slot bytes. */
  readonly size: number
  /** A number of MESSAGE_TYPES. */
  readonly type: number
  /** Wait for a ring to appear where there is none. */
  readonly waitForRing: boolean
  /** Its bytes are on the way, and only the daemon knows what becomes of them. */
  isInFlight = false
  isSettled = false
  /** The call was ended while its message was on the way: not to be sent again. */
  cancelled: Error | undefined
  #deadline: Deadline | undefined
  #resolve: () => void
  #reject: (error: Error) => void

  constructor(
    ring: Ring,
    flow: Flow,
    iovs: readonly Uint8Array[],
    type: number,
    waitForRing: boolean,
    resolve: () => void,
    reject: (error: Error) => void,
  ) {
    this.ring = ring
    this.flow = flow
    this.iovs = iovs
    let payloadBytes = 0
    for (const iov of iovs) payloadBytes += iov.length
    this.payloadBytes = payloadBytes
    this.size = messageSlotsBytes(payloadBytes)
    this.type = type
    this.waitForRing = waitForRing
    this.#resolve = resolve
    this.#reject = reject
  }

  /** @param onCancel called when the call was ended before its message was on the way. */
  watch(options: CallOptions, onCancel: () => void): void {
    if (options.signal === undefined && options.timeoutMs === undefined) return
    this.#deadline = new Deadline(options, error => {
      if (this.isInFlight) {
        this.cancelled = error
        return
      }
      this.fail(this.#explained(error))
      onCancel()
    })
  }

  /**
   * Its message was refused and is no longer on the way. A call that was ended meanwhile fails
   * with the reason of that.
   */
  cameBack(): void {
    this.isInFlight = false
    if (this.cancelled !== undefined) this.fail(this.#explained(this.cancelled))
  }

  succeed(): void {
    if (this.isSettled) return
    this.#settle()
    this.#resolve()
  }

  fail(error: Error): void {
    if (this.isSettled) return
    this.#settle()
    this.#reject(error)
  }

  /** A send that took too long tells what it was waiting for. */
  #explained(error: Error): Error {
    const { refusedWith, key } = this.flow
    if (refusedWith !== undefined) error.cause ??= new V4vError(refusedWith, '', { target: key })
    return error
  }

  #settle(): void {
    this.isSettled = true
    this.#deadline?.clear()
    this.ring.decided(1)
  }
}
