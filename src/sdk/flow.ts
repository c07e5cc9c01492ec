import type { ErrorCode } from '../abi/errno.js'
import { messageSlotsBytes } from '../abi/message.js'
import { Fifo } from './fifo.js'
import type { HeldRun } from './held-run.js'
import type { PendingSend } from './pending-send.js'
import type { Ring } from './ring.js'

/** Slot bytes that may be on the way to a ring before anything is known of it. */
const WINDOW_BYTES_START = 2 * 1024 * 1024
/**
 * The most a window grows to: enough that nobody on the way runs dry. What is on the way should fit
 * the processors' caches, and comes back, if the ring is full, to be sent once more.
 */
const WINDOW_BYTES_MAX = 2 * 1024 * 1024

/** Where no space event says how much fits. */
const WINDOW_BYTES_POLL = 4096

/**
 * What goes to one address: kept in order over refusals, and no more of it on the way than the
 * other side is likely to take.
 *
 *     waiting -> on the way -> accepted
 *                  |    ^
 *       refused    v    |  retried from the first on, once
 *     for space   held -+  everything on the way is answered and there is space
 *
 * While it is blocked nothing is sent, so whatever is held is older than whatever waits.
 */
export class Flow {
  /** `web:80` */
  readonly key: string
  /** Handle or number of the domain. */
  readonly target: number
  readonly port: number
  /** Slot bytes that may be on the way. */
  windowBytes = WINDOW_BYTES_START
  /** The next SENT leaves so little room in the ring that the window is that. */
  isTight = false
  bytesInFlight = 0
  messagesInFlight = 0
  /** Refused for want of space; nothing is sent until there is some. */
  isBlocked = false
  /** No space event follows: ask again after a while. */
  isPolling = false
  /** Why it was blocked last; nothing once something has been accepted again. */
  refusedWith: ErrorCode | undefined
  /** Slot bytes a space event spoke of since the flow was last unblocked. */
  spaceBytes: number | undefined
  /** The next frame starts with the first message that was refused. */
  isRetry = false
  /** Something has been accepted since the ring was last known to be missing. */
  isProven = false
  /** Refusals for space of messages before this one came from a ring that is gone. */
  downSeq = 0
  /** Refused since the flow was blocked, in order; older than what is held. */
  refused: HeldRun[] = []
  readonly held = new Fifo<HeldRun>()
  readonly waiting = new Fifo<PendingSend>()
  /** Sends that wait for a ring to appear. */
  absent: PendingSend[] = []
  /** Rings whose trySend was turned away and that are owed a 'drain'. */
  readonly starved = new Set<Ring>()
  timer: NodeJS.Timeout | undefined

  constructor(key: string, target: number, port: number) {
    this.key = key
    this.target = target
    this.port = port
  }

  /** Nothing older waits, so what comes now may be sent at once. */
  get isClear(): boolean {
    return !this.isBlocked && this.held.length === 0 && this.waiting.length === 0
  }

  /** Nothing would be lost by forgetting the flow. */
  get isIdle(): boolean {
    return (
      this.isClear &&
      this.messagesInFlight === 0 &&
      this.absent.length === 0 &&
      this.starved.size === 0 &&
      !this.isRetry
    )
  }

  /** Whether a message of `size` slot bytes may be on the way besides what is. */
  admits(size: number): boolean {
    return this.messagesInFlight === 0 || this.bytesInFlight + size <= this.windowBytes
  }

  /** There is enough room to begin again after having been turned away. */
  get hasDrained(): boolean {
    return this.isClear && this.bytesInFlight * 2 <= this.windowBytes
  }

  /** What was accepted, and left room for as much again, shows that more may be on the way. */
  grow(acceptedBytes: number): void {
    if (this.isTight) return
    this.windowBytes = Math.min(WINDOW_BYTES_MAX, this.windowBytes + acceptedBytes)
  }

  /** Behind what the next SENT decides a message would fit that takes so many payload bytes. */
  noteRoom(payloadBytes: number): void {
    this.isTight = true
    this.windowBytes = Math.min(WINDOW_BYTES_MAX, messageSlotsBytes(payloadBytes))
  }

  /** A message would fit that takes so many payload bytes. */
  noteSpace(payloadBytes: number): void {
    this.spaceBytes = messageSlotsBytes(payloadBytes)
  }

  /** Goes on after a refusal, with no more than there is space for, or one message. */
  unblock(): void {
    this.isBlocked = false
    this.isPolling = false
    this.isRetry = true
    this.windowBytes = Math.min(WINDOW_BYTES_MAX, this.spaceBytes ?? WINDOW_BYTES_POLL)
    this.spaceBytes = undefined
    clearTimeout(this.timer)
    this.timer = undefined
  }
}
