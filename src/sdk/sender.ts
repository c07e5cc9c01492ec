import { codeOfErrno, type ErrorCode } from '../abi/errno.js'
import type { SendFailure } from '../abi/data-frame.js'
import { IOVS_MAX, MESSAGE_BYTES_MAX } from '../abi/limits.js'
import { loadOf, type Load } from '../native/poller.js'
import type { CallOptions } from './deadline.js'
import { V4vError } from './errors.js'
import { FlowPump } from './flow-pump.js'
import type { Flow } from './flow.js'
import { messageSizeAt } from './held-run.js'
import type { Packer, SendFrame } from './packer.js'
import { PendingSend } from './pending-send.js'
import type { Ring } from './ring.js'
import { readSent, type Verdicts } from './sent-frame.js'
import { SessionWindow } from './session-window.js'

/** Between two tries at a ring that will not tell when it has space: a random time of this range. */
const POLL_MS_MIN = 5
const POLL_MS_MAX = 50

/** How long a call may take, and what it does where nobody listens. */
export interface WaitOptions extends CallOptions {
  /** Where nobody listens, wait until somebody does. */
  readonly wait?: boolean | undefined
}

/**
 * Sends the messages of a session: follows the daemon's word on each, and sends again, in order,
 * what was refused for want of space.
 */
export class Sender implements Verdicts {
  readonly #packer: Packer
  readonly #load: Load
  readonly #window = new SessionWindow()
  readonly #pump: FlowPump
  /** Asks the daemon to say when a ring appears. */
  readonly #watchRing: (flow: Flow, ring: Ring) => void
  #decidedSeq = 0
  /** Flows to rings with little room, as said in front of the next SENT. */
  #tight: Flow[] = []

  constructor(packer: Packer, load: Load, watchRing: (flow: Flow, ring: Ring) => void) {
    this.#packer = packer
    this.#load = load
    this.#pump = new FlowPump(packer, this.#window)
    this.#watchRing = watchRing
  }

  /** See Ring.trySend. */
  trySend(ring: Ring, flow: Flow, payload: Uint8Array, type: number): boolean {
    if (payload.length > MESSAGE_BYTES_MAX) throw tooLarge(flow, payload.length)
    if (!this.#pump.tryNow(ring, flow, payload, type)) return false
    ring.took(1)
    return true
  }

  /** See Ring.sendMany. */
  sendMany(ring: Ring, flow: Flow, payloads: readonly Uint8Array[], type: number): number {
    for (const { length } of payloads) if (length > MESSAGE_BYTES_MAX) throw tooLarge(flow, length)
    const taken = this.#pump.tryMany(ring, flow, payloads, type)
    ring.took(taken)
    return taken
  }

  /** See Ring.sendv. */
  send(
    ring: Ring,
    flow: Flow,
    iovs: readonly Uint8Array[],
    type: number,
    options: WaitOptions,
  ): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      if (iovs.length > IOVS_MAX) {
        throw new V4vError('EINVAL', `a message has at most ${IOVS_MAX} buffers`)
      }
      const wait = options.wait ?? false
      const send = new PendingSend(ring, flow, iovs, type, wait, resolve, reject)
      if (send.payloadBytes > MESSAGE_BYTES_MAX) throw tooLarge(flow, send.payloadBytes)
      send.watch(options, () => this.#cancelled(send))
      ring.took(1)
      this.#pump.enqueue(send)
    })
  }

  /** Takes the daemon's word on all messages up to a sequence number, or says what is wrong. */
  onSent(view: DataView, at: number): string | undefined {
    const decided = readSent(this.#packer, view, at, this.#decidedSeq, this)
    if (typeof decided === 'string') return decided
    this.#decidedSeq = decided
    for (const flow of this.#tight) flow.isTight = false
    this.#tight.length = 0
    this.#pump.pumpAll()
    return undefined
  }

  /** There is space in a ring that refused something of the flow. */
  onSpace(flow: Flow, payloadBytes: number): void {
    flow.noteSpace(payloadBytes)
    this.#unblockIfReady(flow)
  }

  /** A ring takes so much more behind what the next SENT decides. */
  onRoom(flow: Flow, payloadBytes: number): void {
    flow.noteRoom(payloadBytes)
    this.#tight.push(flow)
  }

  /** A ring that was asked for is there. */
  onRingUp(flow: Flow): void {
    const { absent } = flow
    if (absent.length === 0) return
    flow.absent = []
    flow.waiting.prepend(absent)
    this.#pump.pump(flow)
  }

  /** The ring is gone: nothing that waits for space in it will be sent. */
  onRingDown(flow: Flow): void {
    flow.isProven = false
    // What is on the way may still be refused by the ring that is gone: see `refuse`.
    flow.downSeq = this.#packer.nextSeq
    if (flow.isBlocked || flow.held.length > 0) {
      this.#failQueued(flow, new V4vError('ECONNRESET', '', { target: flow.key }))
      flow.unblock()
    }
    this.#pump.pump(flow)
  }

  /** Ends the sends that wait for a ring to appear. */
  failAbsent(flow: Flow, error: Error): void {
    const { absent } = flow
    flow.absent = []
    for (const send of absent) send.fail(error)
  }

  /** Fails everything that is not decided; nothing is sent from now on. */
  failAll(error: V4vError, flows: Iterable<Flow>): void {
    this.#pump.stop()
    for (const flow of flows) {
      this.#failQueued(flow, error)
      this.failAbsent(flow, error)
      flow.starved.clear()
      clearTimeout(flow.timer)
    }
    for (const { ring, sends, decided, count } of this.#packer.inFlight.takeAll()) {
      failMessages(ring, sends, decided, count, error)
    }
  }

  accept(frame: SendFrame, count: number): void {
    const { flow, ring, sends } = frame
    const bytes = this.#decide(frame, count)
    flow.grow(bytes)
    flow.isProven = true
    flow.refusedWith = undefined
    if (sends === undefined) {
      ring.decided(count)
    } else {
      for (let i = frame.decided - count; i < frame.decided; i++) {
        const send = sends[i]
        if (send === undefined) ring.decided(1)
        else send.succeed()
      }
    }
    this.#unblockIfReady(flow)
  }

  refuse(frame: SendFrame, count: number, firstSeq: number, failure: SendFailure): void {
    const { flow } = frame
    const code = codeOfErrno(failure.errno)
    const from = frame.decidedAt
    this.#decide(frame, count)
    const isForSpace = code === 'EAGAIN' || code === 'EDQUOT' || code === 'EBUSY'
    if (isForSpace && firstSeq >= flow.downSeq) {
      flow.refusedWith = code
      this.#hold(frame, from, count)
      // Only the first refusal says whether a space event will follow: the rest were not tried.
      if (!flow.isBlocked) flow.isPolling = code === 'EBUSY'
      flow.isBlocked = true
    } else {
      // A ring that is gone needs no retry, but one that came after it may have refused this.
      if (isForSpace) flow.isRetry = true
      const shown: ErrorCode = isForSpace ? 'ECONNRESET' : code
      const error = new V4vError(shown, '', { target: flow.key, decision: failure.decisionId })
      this.#refuseForGood(frame, count, error)
    }
    this.#unblockIfReady(flow)
  }

  /** Keeps messages that came back. */
  #hold(frame: SendFrame, from: number, count: number): void {
    const { refused } = frame.flow
    const run = this.#packer.hold(frame, from, frame.decidedAt, count)
    for (const send of run.sends ?? []) send?.cameBack()
    if (refused.at(-1)?.join(run) === true) this.#packer.drop(run)
    else refused.push(run)
  }

  #refuseForGood(frame: SendFrame, count: number, error: V4vError): void {
    const { flow, ring, sends, decided } = frame
    const isAbsent = error.code === 'ECONNREFUSED' || error.code === 'ESRCH'
    if (isAbsent) flow.isProven = false
    let untold = 0
    let waits = false
    for (let i = decided - count; i < decided; i++) {
      const send = sends?.[i]
      send?.cameBack()
      if (send === undefined) {
        untold++
      } else if (isAbsent && send.waitForRing && !send.isSettled) {
        flow.absent.push(send)
        waits = true
      } else {
        send.fail(error)
      }
    }
    if (untold > 0) ring.refused(error, untold)
    if (waits) this.#watchRing(flow, ring)
  }

  /** Takes the frame's next messages off what is on the way. @returns their slot bytes. */
  #decide(frame: SendFrame, count: number): number {
    let at = frame.end
    if (frame.decided + count < frame.count) {
      at = frame.decidedAt
      for (let i = 0; i < count; i++) at += messageSizeAt(frame.chunk.view, at)
    }
    const bytes = at - frame.decidedAt
    frame.decidedAt = at
    frame.decided += count
    this.#window.give(frame.flow, bytes, count)
    this.#load.messages += loadOf(count, bytes)
    return bytes
  }

  /** A blocked flow goes on when all of it is answered and there is space, or a while later. */
  #unblockIfReady(flow: Flow): void {
    if (!flow.isBlocked || flow.messagesInFlight > 0) return
    if (flow.refused.length > 0) {
      // What was sent from one place and came back can go from there as one again.
      const next = flow.held.peek()
      if (next !== undefined && flow.refused.at(-1)!.join(next)) {
        flow.held.shift()
        this.#packer.drop(next)
      }
      flow.held.prepend(flow.refused)
      flow.refused = []
    }
    if (flow.spaceBytes !== undefined) {
      flow.unblock()
      this.#pump.pump(flow)
    } else if (flow.isPolling && flow.timer === undefined) {
      const delay = POLL_MS_MIN + Math.random() * (POLL_MS_MAX - POLL_MS_MIN)
      flow.timer = setTimeout(() => {
        flow.unblock()
        this.#pump.pump(flow)
      }, delay)
    }
  }

  /** Fails what is held or waits. */
  #failQueued(flow: Flow, error: V4vError): void {
    for (const run of [...flow.refused, ...flow.held.takeAll()]) {
      failMessages(run.ring, run.sends, run.index, run.index + run.count, error)
      this.#packer.drop(run)
    }
    flow.refused = []
    for (const send of flow.waiting.takeAll()) send.fail(error)
  }

  #cancelled(send: PendingSend): void {
    const { flow } = send
    flow.absent = flow.absent.filter(other => other !== send)
    this.#pump.pump(flow) // it may have been all that others waited for
  }
}

/** Tells whoever waits for each message, and the ring of those nobody waits for. */
function failMessages(
  ring: Ring,
  sends: readonly (PendingSend | undefined)[] | undefined,
  from: number,
  to: number,
  error: V4vError,
): void {
  let untold = 0
  for (let i = from; i < to; i++) {
    const send = sends?.[i]
    if (send === undefined) untold++
    else send.fail(send.cancelled ?? error)
  }
  if (untold > 0) ring.refused(error, untold)
}

function tooLarge(flow: Flow, bytes: number): V4vError {
  const detail = `a message has at most ${MESSAGE_BYTES_MAX} bytes, not ${bytes}`
  return new V4vError('EMSGSIZE', detail, { target: flow.key })
}
