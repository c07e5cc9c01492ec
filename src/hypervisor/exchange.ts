import { DOMID_ANY, messageTypeOf, type Port } from '../abi/addr.js'
import type { ErrorCode } from '../abi/errno.js'
import type { FrameBytes } from '../abi/frame.js'
import {
  IOVS_MAX,
  MESSAGE_BYTES_MAX,
  MESSAGE_HEADER_BYTES,
  SLOT_BYTES,
  type Limits,
} from '../abi/limits.js'
import { messageSlotsBytes } from '../abi/message.js'
import { RING_FLAG } from '../abi/ring-flag.js'
import type { FlowVerdict } from '../policy/flow-verdict.js'
import type { Admission } from './admission.js'
import type { Domain } from './domain.js'
import type { FlowRecord } from './event.js'
import { LogFilter } from './log-filter.js'
import { noRing, ringStatus, type RingQuery, type RingStatus } from './notify.js'
import type { RunOutcome, SendOutcome } from './outcome.js'
import type { PolicyGate } from './policy-gate.js'
import type { RateLimiter } from './rate-limiter.js'
import { runCopy, sizeOfMessage } from './ring-buffer.js'
import type { Ring } from './ring.js'
import type { Session } from './session.js'
import type { RingWish, Target } from './target.js'

/** Room in a ring that is worth telling of: less than this, and than half of the ring. */
const LITTLE_ROOM_BYTES = 1024 * 1024

/** A run of messages as they lie in a SEND frame. */
export interface Run {
  readonly sourcePort: Port
  readonly target: Target
  readonly port: Port
  /** A number of MESSAGE_TYPES. */
  readonly type: number
  readonly count: number
  /** The run starts with the first message that was refused for want of space. */
  readonly retry: boolean
}

/**
 * The one place where datagrams change hands. Checks are made in the order that keeps the
 * promises: whose port it is, policy, existence, space; policy comes before existence, so that
 * who is not allowed to send can't find out what is there.
 */
export class Exchange {
  readonly #gate: PolicyGate
  readonly #admission: Admission
  readonly #limiter: RateLimiter
  readonly #logFilter = new LogFilter()
  readonly #limits: Limits
  readonly #onFlow: (record: FlowRecord) => void
  readonly #copy = runCopy()
  readonly #outcome: RunOutcome = {
    accepted: 0,
    refused: 0,
    code: null,
    decisionId: 0,
    malformed: false,
    slotBytes: 0,
    refusedSlotBytes: 0,
    roomBytes: Infinity,
  }
  #lastDecisionId: number

  constructor(
    gate: PolicyGate,
    admission: Admission,
    limiter: RateLimiter,
    limits: Limits,
    decisionIdBase: number,
    onFlow: (record: FlowRecord) => void,
  ) {
    this.#gate = gate
    this.#admission = admission
    this.#limiter = limiter
    this.#limits = limits
    this.#lastDecisionId = decisionIdBase
    this.#onFlow = onFlow
  }

  /**
   * Sends the messages that lie from `start` to `end` in `bytes`, up to the first refusal.
   * (Argo: sendv, for many messages of one flow at once.)
   * @returns the one RunOutcome of this object, overwritten by the next call.
   */
  sendRun(session: Session, run: Run, bytes: FrameBytes, start: number, end: number): RunOutcome {
    const outcome = this.#newOutcome()
    if (end - start < SLOT_BYTES || (end - start) % SLOT_BYTES !== 0) {
      outcome.malformed = true
      return outcome
    }
    const { domain } = session
    const problem = unfit(session, run.sourcePort, run.type)
    if (problem !== undefined) return this.#refuseAll(session, run, bytes, start, end, problem)
    const gate = this.#gate
    const index = gate.decide(domain, run.sourcePort, run.target, run.port, run.type)
    const isNewFlow = gate.isNewFlow
    const isPlain = gate.isPlain(index)
    if (!isPlain) {
      const payloadBytes = payloadOfRun(bytes, start, end, run.count)
      if (payloadBytes < 0) outcome.malformed = true
      if (payloadBytes < 0 || !this.#admit(session, run, index, payloadBytes, isNewFlow)) {
        return outcome
      }
    }

    const ring = run.target.domain?.matchRing(run.port, domain.id)
    if (ring === undefined) {
      const payloadBytes = payloadOfRun(bytes, start, end, run.count)
      const code = run.target.domain === undefined ? 'ESRCH' : 'ECONNREFUSED'
      if (payloadBytes < 0) outcome.malformed = true
      else this.#refuseForGood(session, run, index, payloadBytes, run.count, code)
      return outcome
    }
    if (session.blockedOn.size > 0 && session.blockedOn.has(ring)) {
      if (!run.retry) return this.#refuseAll(session, run, bytes, start, end, 'EAGAIN')
      session.blockedOn.delete(ring)
      ring.blocked.delete(session)
    }

    let { count } = run
    let stop = end
    if (!isPlain) {
      this.#admission.cut(session, run, index, bytes, start, end)
      count = this.#admission.count
      stop = this.#admission.end
      if (count < run.count && this.#admission.code === null) {
        outcome.malformed = true
        return outcome
      }
      if (count === 0) {
        this.#comeBack(session, ring)
        this.#refuseOver(session, run, ring, index, this.#admission.nextLen)
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
      if (!isPlain) this.#admission.passed(index, copy.count)
      this.#settled(session, run, index, copy.count, copy.payloadBytes, isNewFlow, isPlain)
    }
    this.#comeBack(session, ring)
    if (copy.nextSize > ring.buffer.length - SLOT_BYTES) {
      outcome.refusedSlotBytes = copy.nextSize
      this.#refuseForGood(session, run, index, copy.nextBytes, 1, 'EMSGSIZE')
    } else if (copy.nextSize > 0) {
      this.#refuseForSpace(session, run, ring, copy.nextSize)
      session.blockedOn.add(ring)
      ring.blocked.add(session)
    } else if (count < run.count) {
      this.#refuseOver(session, run, ring, index, this.#admission.nextLen)
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
    let payloadBytes = 0
    for (const iov of iovs) payloadBytes += iov.length
    const problem = iovs.length > IOVS_MAX ? 'EINVAL' : unfit(session, flow.sourcePort, flow.type)
    if (problem !== undefined) return this.#refused(session, problem)
    if (payloadBytes > MESSAGE_BYTES_MAX) return this.#refused(session, 'EMSGSIZE')

    const run = { ...flow, count: 1, retry: true }
    const outcome = this.#newOutcome()
    const gate = this.#gate
    const index = gate.decide(domain, flow.sourcePort, flow.target, flow.port, flow.type)
    const isNewFlow = gate.isNewFlow
    const isPlain = gate.isPlain(index)
    if (!isPlain && !this.#admit(session, run, index, payloadBytes, isNewFlow)) {
      const { code, decisionId } = outcome
      return code === null ? { ok: true } : { ok: false, code, decisionId }
    }
    const ring = flow.target.domain?.matchRing(flow.port, domain.id)
    if (ring === undefined) {
      const code = flow.target.domain === undefined ? 'ESRCH' : 'ECONNREFUSED'
      this.#refuseForGood(session, run, index, payloadBytes, 1, code)
      return { ok: false, code, decisionId: outcome.decisionId }
    }
    this.#comeBack(session, ring)
    if (!isPlain) {
      this.#admission.cutOne(session, run, index, payloadBytes)
      if (this.#admission.count === 0) {
        const len = payloadBytes + MESSAGE_HEADER_BYTES
        const code = this.#refuseOver(session, run, ring, index, len)
        // As with space below: a caller who waits for each outcome has nothing in flight.
        session.blockedOn.delete(ring)
        ring.blocked.delete(session)
        return { ok: false, code, decisionId: outcome.decisionId }
      }
    }
    const size = messageSlotsBytes(payloadBytes)
    if (!ring.buffer.canEverFit(payloadBytes)) {
      this.#refuseForGood(session, run, index, payloadBytes, 1, 'EMSGSIZE')
      return { ok: false, code: 'EMSGSIZE', decisionId: outcome.decisionId }
    }
    const shareRoom = ring.share.room(domain.id, ring.waiters.domains, size)
    if (size > ring.buffer.roomBytes || size > shareRoom) {
      // Does not block the session: a caller who waits for each outcome has nothing in flight.
      return { ok: false, code: this.#refuseForSpace(session, run, ring, size), decisionId: 0 }
    }
    const source = { domain: domain.id, port: flow.sourcePort }
    ring.buffer.insert(iovs, payloadBytes, source, flow.type)
    this.#delivered(session, flow.sourcePort, ring, 1, size, payloadBytes)
    if (!isPlain) this.#admission.passed(index, 1)
    this.#settled(session, run, index, 1, payloadBytes, isNewFlow, isPlain)
    return { ok: true }
  }

  /**
   * Frees what a ring's owner has read, and wakes those for whom there is space now.
   * @param offset absolute; the same or a lower one again does nothing.
   * @returns false when the offset is not one that the owner can have read up to.
   */
  consume(ring: Ring, offset: number): boolean {
    const from = ring.buffer.rxOffset
    const freed = ring.buffer.consumeTo(offset, ring.givenOffset)
    if (freed < 0) return false
    if (freed > 0) {
      ring.share.release(from, from + freed)
      this.wake(ring)
    }
    return true
  }

  /** Tells waiters that there is space, as far as there is. */
  wake(ring: Ring): void {
    const { waiters, share, buffer } = ring
    if (waiters.size === 0) return
    // Who was called may never come back. While something is in the ring, what is behind gets its
    // turn when that is consumed; an empty ring would never call again, so it calls all.
    const room = buffer.usedBytes === 0 ? Infinity : buffer.roomBytes
    const called = waiters.call(room, waiter =>
      share.room(waiter.session.domain.id, waiters.domains, waiter.size),
    )
    for (const session of called) {
      session.sink.event({
        kind: 'space',
        party: ring.owner.domain.party,
        port: ring.id.port,
        spaceBytes: buffer.payloadSpace,
      })
    }
  }

  /**
   * Answers one entry of a notify. (Argo: fill_ring_data.) Policy is asked first, and a refusal
   * says nothing about what is there.
   */
  query(session: Session, sourcePort: Port, query: RingQuery, type: number): RingStatus {
    const { target, port } = query
    if (!this.lets(session.domain, sourcePort, target, port, type)) return noRing('EPERM')
    const ring = target.domain?.matchRing(port, session.domain.id)
    if (ring === undefined) {
      if (query.wantRing && !this.#wish({ session, sourcePort, target, port, type })) {
        return noRing('EBUSY')
      }
      return noRing(target.domain === undefined ? 'ESRCH' : 'ECONNREFUSED')
    }
    const status = ringStatus(ring, ring.id.partner === DOMID_ANY, query.spaceRequired)
    if ((status.flags & RING_FLAG.EMSGSIZE) !== 0) return status
    const size = messageSlotsBytes(query.spaceRequired)
    const shareRoom = ring.share.room(session.domain.id, ring.waiters.domains, size)
    if (size <= ring.buffer.roomBytes && size <= shareRoom) {
      // Who waits for more than this was promised an event, and still gets it.
      const wanted = ring.waiters.sizeOf(session)
      if (wanted !== undefined && wanted <= size) this.#stopWaiting(session, ring)
      return { ...status, flags: status.flags | RING_FLAG.SUFFICIENT }
    }
    if (this.#wait(session, ring, size)) return status
    return { ...status, flags: status.flags | RING_FLAG.EBUSY }
  }

  /** True when policy would let a datagram of this flow through now, whether or not it fits. */
  lets(source: Domain, sourcePort: Port, target: Target, port: Port, type: number): boolean {
    const index = this.#gate.decide(source, sourcePort, target, port, type)
    if (this.#gate.isPlain(index)) return true
    return this.#admission.lets(source, { sourcePort, target, port, type }, index)
  }

  /** Begins anew with what rules want in the flow log: for another table. */
  resetLog(): void {
    this.#logFilter.reset()
  }

  #newOutcome(): RunOutcome {
    const outcome = this.#outcome
    outcome.accepted = 0
    outcome.refused = 0
    outcome.code = null
    outcome.decisionId = 0
    outcome.malformed = false
    outcome.slotBytes = 0
    outcome.refusedSlotBytes = 0
    outcome.roomBytes = Infinity
    return outcome
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

  /** Refuses a whole run for a reason that has nothing to do with policy. */
  #refuseAll(
    session: Session,
    run: Run,
    bytes: FrameBytes,
    start: number,
    end: number,
    code: ErrorCode,
  ): RunOutcome {
    const outcome = this.#outcome
    if (payloadOfRun(bytes, start, end, run.count) < 0) {
      outcome.malformed = true
      return outcome
    }
    outcome.refused = run.count
    outcome.code = code
    session.domain.counters.datagramsRefused += run.count
    return outcome
  }

  #refused(session: Session, code: ErrorCode): SendOutcome {
    session.domain.counters.datagramsRefused++
    return { ok: false, code, decisionId: 0 }
  }

  /** @returns whether a run that is not simply accepted may go on; else the outcome says why not. */
  #admit(
    session: Session,
    run: Run,
    index: number,
    payloadBytes: number,
    isNewFlow: boolean,
  ): boolean {
    const outcome = this.#outcome
    const admitted = this.#admission.admit(session, run, index)
    switch (admitted) {
      case 'pass':
        return true
      case 'refuse':
        this.#refuseForGood(session, run, index, payloadBytes, run.count, 'EPERM')
        return false
      case 'swallow':
        outcome.accepted = run.count
        session.domain.counters.datagramsDropped += run.count
        this.#settled(session, run, index, run.count, payloadBytes, isNewFlow, false)
        return false
      case 'ask':
      case 'wait':
        outcome.refused = run.count
        outcome.code = 'EAGAIN'
        session.domain.counters.datagramsRefused += run.count
        if (admitted === 'wait') return false
        outcome.decisionId = this.#record(session, run, index, run.count, payloadBytes, 'EAGAIN')
        return false
    }
  }

  /** Counts datagrams that were delivered or dropped, and notes the first of a flow. */
  #settled(
    session: Session,
    run: Run,
    index: number,
    datagrams: number,
    payloadBytes: number,
    isNewFlow: boolean,
    isPlain: boolean,
  ): void {
    const gate = this.#gate
    gate.count(index, datagrams, payloadBytes)
    const { domain } = session
    const { sourcePort, target, port, type } = run
    let isTold = isNewFlow
    let effect: FlowVerdict | undefined
    if (!isPlain) {
      effect = this.#admission.effect
      isTold ||= this.#admission.mustTell
      if (effect === 'audit') gate.countAudited(index, datagrams, payloadBytes)
    }
    gate.meter(domain, sourcePort, target, port, type, index, datagrams, payloadBytes, effect)
    if (isTold) this.#record(session, run, index, datagrams, payloadBytes, null, effect)
  }

  /** Refuses `count` datagrams so that trying again now would only be refused again. */
  #refuseForGood(
    session: Session,
    run: Run,
    index: number,
    payloadBytes: number,
    count: number,
    code: ErrorCode,
    effect = this.#gate.isPlain(index) ? undefined : this.#admission.effect,
  ): void {
    const outcome = this.#outcome
    outcome.refused = count
    outcome.code = code
    const { domain } = session
    const { sourcePort, target, port, type } = run
    domain.counters.datagramsRefused += count
    this.#gate.count(index, count, payloadBytes)
    if (effect === 'audit') this.#gate.countAudited(index, count, payloadBytes)
    this.#gate.meter(domain, sourcePort, target, port, type, index, count, payloadBytes, effect)
    outcome.decisionId = this.#record(session, run, index, count, payloadBytes, code, effect)
  }

  /**
   * Refuses what the limits of a run's rule do not let through: one message that is too large for
   * good, or all that is left because it comes too soon. As with space, what is under way after
   * that waits until the session goes back to it.
   * @param len of the header of the first message that is refused.
   */
  #refuseOver(session: Session, run: Run, ring: Ring, index: number, len: number): ErrorCode {
    const outcome = this.#outcome
    if (this.#admission.code === 'EMSGSIZE') {
      this.#gate.countLimited(index, 1)
      outcome.refusedSlotBytes = sizeOfMessage(len)
      const payloadBytes = len - MESSAGE_HEADER_BYTES
      this.#refuseForGood(session, run, index, payloadBytes, 1, 'EMSGSIZE', 'limit')
      return 'EMSGSIZE'
    }
    const count = run.count - outcome.accepted
    this.#gate.countLimited(index, count)
    session.domain.counters.datagramsRefused += count
    session.blockedOn.add(ring)
    ring.blocked.add(session)
    outcome.refused = count
    outcome.code = this.#limiter.wait(session, ring, sizeOfMessage(len)) ? 'EDQUOT' : 'EBUSY'
    if (this.#limiter.mustTell(this.#gate.verdict(index).rule!)) {
      outcome.decisionId = this.#record(session, run, index, count, 0, 'EDQUOT', 'limit')
    }
    return outcome.code
  }

  /**
   * Refuses what is left of a run because a message of `size` slot bytes does not go in now.
   * Until the session goes back to this message, whatever else of it is under way to this ring is
   * refused too: so what gets in of a burst is a prefix of it.
   */
  #refuseForSpace(session: Session, run: Run, ring: Ring, size: number): ErrorCode {
    const outcome = this.#outcome
    outcome.refused = run.count - outcome.accepted
    outcome.decisionId = 0
    session.domain.counters.datagramsRefused += outcome.refused
    const isFull = size > ring.buffer.roomBytes
    if (!this.#wait(session, ring, size)) outcome.code = 'EBUSY'
    else outcome.code = isFull ? 'EAGAIN' : 'EDQUOT'
    return outcome.code
  }

  /** @returns false when the ring's table of waiters is full. */
  #wait(session: Session, ring: Ring, size: number): boolean {
    if (
      ring.waiters.sizeOf(session) === undefined &&
      ring.waiters.size >= this.#limits.waitersPerRingMax
    ) {
      return false
    }
    ring.waiters.add(session, size)
    session.waitingFor.add(ring)
    return true
  }

  #stopWaiting(session: Session, ring: Ring): void {
    if (ring.waiters.remove(session)) session.waitingFor.delete(ring)
  }

  /** A session that was called has sent again: it has its space, or waits anew. */
  #comeBack(session: Session, ring: Ring): void {
    if (ring.waiters.comeBack(session)) session.waitingFor.delete(ring)
  }

  /** @returns false when the session has too many wishes already. */
  #wish(wish: RingWish): boolean {
    const { session, target } = wish
    for (const known of session.wishes) if (isSameWish(known, wish)) return true
    if (session.wishes.size >= this.#limits.absentWaitersPerSessionMax) return false
    target.addWish(wish)
    return true
  }

  #record(
    session: Session,
    run: Run,
    index: number,
    datagrams: number,
    bytes: number,
    code: ErrorCode | null,
    effect?: FlowVerdict,
  ): number {
    const decisionId = ++this.#lastDecisionId
    const { sourcePort, target, port, type } = run
    if (code === null) this.#gate.recorded(session.domain, sourcePort, target, port, type, index)
    const verdict = this.#gate.verdict(index)
    const record: FlowRecord = {
      decisionId,
      verdict,
      effect: effect ?? verdict.action,
      code,
      source: { domain: session.domain.name, port: run.sourcePort },
      destination: { domain: run.target.name, port: run.port },
      type: run.type,
      datagrams,
      bytes,
    }
    if (this.#logFilter.wants(record)) this.#onFlow(record)
    return decisionId
  }
}

/** Why a session can't send this at all, wherever it goes. */
function unfit(session: Session, sourcePort: Port, type: number): ErrorCode | undefined {
  if (!session.isBound(sourcePort)) return session.ended ? 'ECONNRESET' : 'EADDRNOTAVAIL'
  return messageTypeOf(type) === undefined ? 'EINVAL' : undefined
}

function isSameWish(a: RingWish, b: RingWish): boolean {
  return (
    a.target === b.target && a.port === b.port && a.sourcePort === b.sourcePort && a.type === b.type
  )
}

/** Payload bytes of a run, or -1 when it is not `count` whole messages. */
function payloadOfRun(bytes: FrameBytes, start: number, end: number, count: number): number {
  let at = start
  let payloadBytes = 0
  for (let i = 0; i < count; i++) {
    if (at >= end) return -1
    const len = bytes.view.getUint32(at, true)
    const size = sizeOfMessage(len)
    if (size === 0 || size > end - at) return -1
    payloadBytes += len - MESSAGE_HEADER_BYTES
    at += size
  }
  return at === end ? payloadBytes : -1
}
