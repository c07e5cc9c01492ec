import { MESSAGE_HEADER_BYTES, SLOT_BYTES } from '../abi/limits.js'
import {
  MESSAGE_DOMAIN_AT,
  MESSAGE_LEN_AT,
  MESSAGE_PORT_AT,
  messageSlotsBytes,
} from '../abi/message.js'
import type { Flow } from './flow.js'
import { messageSizeAt, type HeldRun } from './held-run.js'
import type { Packer } from './packer.js'
import type { PendingSend } from './pending-send.js'
import type { Ring } from './ring.js'
import type { SessionWindow } from './session-window.js'

/** Puts messages on their way, as far as the windows let them. */
export class FlowPump {
  readonly #packer: Packer
  readonly #window: SessionWindow
  /** Flows in which something is held or waits, or that owe a 'drain'. */
  readonly #busy = new Set<Flow>()

  constructor(packer: Packer, window: SessionWindow) {
    this.#packer = packer
    this.#window = window
  }

  /**
   * Sends a message now, if nothing is in its way.
   * @returns false when it was not taken: `ring` will emit 'drain'.
   */
  tryNow(ring: Ring, flow: Flow, payload: Uint8Array, type: number): boolean {
    const size = messageSlotsBytes(payload.length)
    if (!flow.isClear || !this.#window.admits(flow, size)) {
      flow.starved.add(ring)
      this.#busy.add(flow)
      return false
    }
    const at = this.#begin(ring, flow, type, size, payload.length)
    this.#packer.bytes.set(payload, at + MESSAGE_HEADER_BYTES)
    this.#packer.packed()
    return true
  }

  /**
   * Sends messages now, as many as nothing is in the way of.
   * @returns how many were taken, from the first on; when not all, `ring` will emit 'drain'.
   */
  tryMany(ring: Ring, flow: Flow, payloads: readonly Uint8Array[], type: number): number {
    const packer = this.#packer
    const { length } = payloads
    let taken = 0
    if (flow.isClear) {
      for (; taken < length; taken++) {
        const payload = payloads[taken]!
        const size = messageSlotsBytes(payload.length)
        if (!this.#window.admits(flow, size)) break
        const at = this.#begin(ring, flow, type, size, payload.length)
        packer.bytes.set(payload, at + MESSAGE_HEADER_BYTES)
        packer.packed()
      }
    }
    if (taken < length) {
      flow.starved.add(ring)
      this.#busy.add(flow)
    }
    return taken
  }

  /** Sends a message in its turn. */
  enqueue(send: PendingSend): void {
    const { flow } = send
    if (flow.isClear && this.#admits(send)) {
      this.#pack(send)
      return
    }
    flow.waiting.push(send)
    this.pump(flow)
  }

  /** Sends what the windows let through, oldest first. */
  pump(flow: Flow): void {
    if (!flow.isBlocked) {
      const isDone = this.#pumpHeld(flow) && this.#pumpWaiting(flow)
      const isOwed = isDone && flow.starved.size > 0
      if (isOwed && flow.hasDrained && this.#window.hasDrained) {
        for (const ring of flow.starved) ring.emitDrain(flow.key)
        flow.starved.clear()
      }
    }
    this.#busy.delete(flow) // to go behind the others, so that each gets its turn at the window
    if (!flow.isClear || flow.starved.size > 0) this.#busy.add(flow)
  }

  /** For when something has been decided, which may concern any flow. */
  pumpAll(): void {
    if (this.#busy.size === 0) return
    for (const flow of [...this.#busy]) if (!flow.isBlocked) this.pump(flow)
  }

  stop(): void {
    this.#busy.clear()
  }

  /**
   * While nobody may be listening, sends that wait for a ring go one at a time: else a ring that
   * appears between two frames would take the second and not the first.
   */
  #admits(send: PendingSend): boolean {
    const { flow } = send
    if (send.waitForRing && !flow.isProven) {
      if (flow.absent.length > 0 || flow.messagesInFlight > 0) return false
    }
    return this.#window.admits(flow, send.size)
  }

  /** Counts a message, makes room for it and writes what is not payload. */
  #begin(
    ring: Ring,
    flow: Flow,
    type: number,
    size: number,
    payloadBytes: number,
    send?: PendingSend,
  ): number {
    const at = this.#packer.message(flow, ring, type, size, send)
    const { view } = this.#packer
    this.#window.take(flow, size)
    // The padding must not carry what the memory held before: the receiver gets it, too.
    const last = at + size - SLOT_BYTES
    view.setFloat64(last, 0, true)
    view.setFloat64(last + 8, 0, true)
    view.setUint32(at + MESSAGE_LEN_AT, payloadBytes + MESSAGE_HEADER_BYTES, true)
    view.setUint32(at + MESSAGE_PORT_AT, 0, true)
    view.setFloat64(at + MESSAGE_DOMAIN_AT, 0, true)
    return at
  }

  #pack(send: PendingSend): void {
    const { ring, flow, type, size, payloadBytes, iovs } = send
    let at = this.#begin(ring, flow, type, size, payloadBytes, send) + MESSAGE_HEADER_BYTES
    for (const iov of iovs) {
      this.#packer.bytes.set(iov, at)
      at += iov.length
    }
    this.#packer.packed()
  }

  /** @returns false when a window stopped it. */
  #pumpHeld(flow: Flow): boolean {
    for (let run = flow.held.peek(); run !== undefined; run = flow.held.peek()) {
      while (run.count > 0) {
        if (this.#resend(flow, run)) continue
        const { send, size } = run
        if (send?.isSettled !== true) {
          if (!this.#window.admits(flow, size)) return false
          const at = this.#packer.message(flow, run.ring, run.type, size, send)
          this.#window.take(flow, size)
          this.#packer.bytes.set(run.source.bytes.subarray(run.at, run.at + size), at)
          this.#packer.packed()
        }
        run.advance()
      }
      flow.held.shift()
      this.#packer.drop(run)
    }
    return true
  }

  /**
   * Sends what the windows let through of a run from where it lies.
   * @returns false when that is nothing, or not possible.
   */
  #resend(flow: Flow, run: HeldRun): boolean {
    // What lies in front of it may be on the way, unless nothing is.
    const isHeadFree = run.isHeadFree || flow.messagesInFlight === 0
    if (run.chunk === undefined || !isHeadFree) return false
    const { view } = run.chunk
    let count = 0
    let at = run.at
    while (count < run.count && run.sends?.[run.index + count]?.isSettled !== true) {
      const size = messageSizeAt(view, at)
      if (!this.#window.admits(flow, size)) break
      this.#window.take(flow, size)
      at += size
      count++
    }
    if (count === 0) return false
    this.#packer.resend(flow, run, count, at)
    return true
  }

  /** @returns false when a window stopped it. */
  #pumpWaiting(flow: Flow): boolean {
    for (let send = flow.waiting.peek(); send !== undefined; send = flow.waiting.peek()) {
      if (!send.isSettled) {
        if (send.waitForRing && flow.absent.length > 0) flow.absent.push(send)
        else if (this.#admits(send)) this.#pack(send)
        else return false
      }
      flow.waiting.shift()
    }
    return true
  }
}
