import { messageTypeOf, type Port } from '../abi/addr.js'
import type { FrameBytes } from '../abi/frame.js'
import { IOVS_MAX, MESSAGE_BYTES_MAX, MESSAGE_HEADER_BYTES, SLOT_BYTES } from '../abi/limits.js'
import { messageSlotsBytes } from '../abi/message.js'
import type { Admission } from './admission.js'
import type { RunOutcome, SendOutcome } from './outcome.js'
import type { PolicyGate } from './policy-gate.js'
import { runCopy, sizeOfMessage } from './ring-buffer.js'
import type { RingSpace } from './ring-space.js'
import type { Ring } from './ring.js'
import { payloadOfRun, tooLarge, type Run } from './run.js'
import type { Session } from './session.js'
import type { Settlement } from './settlement.js'
import type { SendRefusal } from './undelivered.js'

/** Room in a ring that is worth telling of: less than this, and than half of the ring. */
const LITTLE_ROOM_BYTES = 1024 * 1024

/**
 * The one place where datagrams change hands. Checks are made in the order that keeps the
 * promises: whose port it is, policy, existence, space; policy comes before existence, so that
 * who is not allowed to send can't find out what is there.
 */
export class Exchange {
  readonly #gate: PolicyGate
  readonly #admission: Admission
  readonly #space: RingSpace
  readonly #settlement: Settlement
  readonly #copy = runCopy()

  constructor(gate: PolicyGate, admission: Admission, space: RingSpace, settlement: Settlement) {
    this.#gate = gate
    this.#admission = admission
    this.#space = space
    this.#settlement = settlement
  }

  /**
   * Sends the messages that lie from `start` to `end` in `bytes`, up to the first refusal.
   * (Argo: sendv, for many messages of one flow at once.)
   * @returns the one RunOutcome of this object, overwritten by the next call.
   */
  sendRun(session: Session, run: Run, bytes: FrameBytes, start: number, end: number): RunOutcome {
    const settlement = this.#settlement
    const outcome = settlement.begin()
    const total = end - start
    // No message is less than a slot: nobody is counted as refused who can't be there.
    if (total < SLOT_BYTES || total % SLOT_BYTES !== 0 || run.count * SLOT_BYTES > total) {
      outcome.malformed = true
      return outcome
    }
    const { domain } = session
    const problem = unfit(session, run.sourcePort, run.type)
    if (problem !== undefined) return settlement.refuseAll(session, run, bytes, start, end, problem)
    if (run.retry && session.blockedOn.size > 0) this.#space.goBack(session, run.target, run.port)
    const gate = this.#gate
    const index = gate.decide(domain, run.sourcePort, run.target, run.port, run.type)
    const isNewFlow = gate.isNewFlow
    const isPlain = gate.isPlain(index)
    if (!isPlain) {
      // Only what is not let through: what is may come back in parts, and each would be looked at.
      const isLet = this.#admission.lets(domain, run, index)
      const payloadBytes = isLet ? 0 : payloadOfRun(bytes, start, end, run.count)
      if (payloadBytes < 0) {
        outcome.malformed = true
        return outcome
      }
      const admitted = this.#admission.admit(session, run, index)
      if (admitted !== 'pass') {
        settlement.turnAway(session, run, index, admitted, payloadBytes, isNewFlow)
        return outcome
      }
    }

    const ring = run.target.domain?.matchRing(run.port, domain.id)
    if (ring === undefined) {
      const payloadBytes = payloadOfRun(bytes, start, end, run.count)
      const code = run.target.domain === undefined ? 'ESRCH' : 'ECONNREFUSED'
      if (payloadBytes < 0) outcome.malformed = true
      else settlement.refuseForGood(session, run, index, payloadBytes, run.count, code)
      return outcome
    }
    if (session.blockedOn.size > 0 && session.blockedOn.has(ring)) {
      return settlement.refuseAll(session, run, bytes, start, end, 'EAGAIN')
    }

    let { count } = run
    let stop = end
    if (!isPlain) {
      const isWhole = this.#admission.cut(session, run, index, bytes, start, end, ring.buffer)
      if (!isWhole) {
        outcome.malformed = true
        return outcome
      }
      count = this.#admission.count
      stop = this.#admission.end
      if (count === 0) {
        this.#space.comeBack(session, ring)
        settlement.refuseOver(session, run, ring, index)
        return outcome
      }
    }
    const copy = this.#copy
    const firstLen = bytes.view.getUint32(start, true)
    const firstSize = sizeOfMessage(firstLen)
    const shareRoom = ring.share.room(domain.id, ring.waiters.domains, firstSize)
    const source = { domain: domain.id, port: run.sourcePort }
    const { buffer } = ring
    // Who shares the memory of the run with us may make another of it now, of as many bytes.
    const bytesMax = isPlain ? undefined : this.#admission.payloadBytesMax
    buffer.insertRun(
      bytes,
      start,
      stop,
      count,
      firstLen,
      source,
      run.type,
      shareRoom,
      copy,
      bytesMax,
    )
    if (copy.malformed) {
      outcome.malformed = true
      return outcome
    }
    outcome.accepted = copy.count
    outcome.slotBytes = copy.slotBytes
    if (copy.count > 0) {
      this.#delivered(session, run.sourcePort, ring, copy.count, copy.slotBytes, copy.payloadBytes)
      if (!isPlain) this.#admission.passed(index, copy.count, copy.payloadBytes)
      settlement.settled(session, run, index, copy.count, copy.payloadBytes, isNewFlow, isPlain)
    }
    this.#space.comeBack(session, ring)
    if (copy.nextSize > ring.buffer.length - SLOT_BYTES) {
      const at = start + copy.slotBytes
      const left = run.count - copy.count
      const len = copy.nextBytes + MESSAGE_HEADER_BYTES
      const stretch = tooLarge(buffer.maxMessageBytes, bytes, at, end, left, len)
      settlement.refuseTooLarge(session, run, index, stretch)
    } else if (copy.nextSize > 0) {
      settlement.refuseForSpace(session, run, ring, copy.nextSize)
      this.#space.block(session, ring)
    } else if (count < run.count) {
      settlement.refuseOver(session, run, ring, index)
    } else {
      const room = Math.min(ring.buffer.roomBytes, shareRoom - copy.slotBytes)
      if (room < Math.min(LITTLE_ROOM_BYTES, ring.buffer.length / 2)) outcome.roomBytes = room
    }
    return outcome
  }

  /**
   * Sends one datagram from up to 8 buffers. (Argo: sendv.)
   * @returns ok, or a refusal of `architecture.md` section 4.
   */
  sendv(
    session: Session,
    flow: Omit<Run, 'count' | 'retry'>,
    iovs: readonly Uint8Array[],
  ): SendOutcome {
    const { domain } = session
    const settlement = this.#settlement
    let payloadBytes = 0
    for (const iov of iovs) payloadBytes += iov.length
    const problem = iovs.length > IOVS_MAX ? 'EINVAL' : unfit(session, flow.sourcePort, flow.type)
    if (problem !== undefined) return settlement.refuseOne(session, flow.target, problem)
    if (payloadBytes > MESSAGE_BYTES_MAX) {
      return settlement.refuseOne(session, flow.target, 'EMSGSIZE')
    }

    const run = { ...flow, count: 1, retry: true }
    const outcome = settlement.begin()
    const gate = this.#gate
    const index = gate.decide(domain, flow.sourcePort, flow.target, flow.port, flow.type)
    const isNewFlow = gate.isNewFlow
    const isPlain = gate.isPlain(index)
    const admitted = isPlain ? 'pass' : this.#admission.admit(session, run, index)
    if (admitted !== 'pass') {
      settlement.turnAway(session, run, index, admitted, payloadBytes, isNewFlow)
      const { code, decisionId } = outcome
      return code === null ? { ok: true } : { ok: false, code, decisionId }
    }
    const ring = flow.target.domain?.matchRing(flow.port, domain.id)
    if (ring === undefined) {
      const code = flow.target.domain === undefined ? 'ESRCH' : 'ECONNREFUSED'
      settlement.refuseForGood(session, run, index, payloadBytes, 1, code)
      return { ok: false, code, decisionId: outcome.decisionId }
    }
    this.#space.comeBack(session, ring)
    if (!isPlain) {
      this.#admission.cutOne(session, run, index, payloadBytes)
      if (this.#admission.count === 0) {
        const code = settlement.refuseOver(session, run, ring, index)
        // As with space below: a caller who waits for each outcome has nothing in flight.
        this.#space.unblock(session, ring)
        return { ok: false, code, decisionId: outcome.decisionId }
      }
    }
    const size = messageSlotsBytes(payloadBytes)
    if (!ring.buffer.canEverFit(payloadBytes)) {
      settlement.refuseForGood(session, run, index, payloadBytes, 1, 'EMSGSIZE')
      return { ok: false, code: 'EMSGSIZE', decisionId: outcome.decisionId }
    }
    const shareRoom = ring.share.room(domain.id, ring.waiters.domains, size)
    if (size > ring.buffer.roomBytes || size > shareRoom) {
      // Does not block the session: a caller who waits for each outcome has nothing in flight.
      return {
        ok: false,
        code: settlement.refuseForSpace(session, run, ring, size),
        decisionId: 0,
      }
    }
    const source = { domain: domain.id, port: flow.sourcePort }
    ring.buffer.insert(iovs, payloadBytes, source, flow.type)
    this.#delivered(session, flow.sourcePort, ring, 1, size, payloadBytes)
    if (!isPlain) this.#admission.passed(index, 1, payloadBytes)
    settlement.settled(session, run, index, 1, payloadBytes, isNewFlow, isPlain)
    return { ok: true }
  }

  #delivered(
    session: Session,
    sourcePort: Port,
    ring: Ring,
    datagrams: number,
    slotBytes: number,
    payloadBytes: number,
  ): void {
    const { counters } = session.domain
    counters.datagramsSent += datagrams
    counters.bytesSent += payloadBytes
    const received = ring.owner.domain.counters
    received.datagramsReceived += datagrams
    received.bytesReceived += payloadBytes
    ring.datagrams += datagrams
    ring.share.charge(session.domain.id, slotBytes, ring.buffer.txOffset)
    const ports = ring.senders.get(session)
    if (ports === undefined) {
      ring.senders.set(session, new Set([sourcePort]))
      session.sentTo.add(ring)
    } else {
      ports.add(sourcePort)
    }
    ring.owner.sink.data(ring, session.domain)
  }
}

/** Why a session can't send this at all, wherever it goes. */
function unfit(session: Session, sourcePort: Port, type: number): SendRefusal | undefined {
  if (!session.isBound(sourcePort)) return session.ended ? 'ECONNRESET' : 'EADDRNOTAVAIL'
  return messageTypeOf(type) === undefined ? 'EINVAL' : undefined
}
