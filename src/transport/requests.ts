import { DOMID_ANY, MESSAGE_TYPES, type DomainId, type Port } from '../abi/addr.js'
import {
  decodeName,
  decodeNotify,
  decodeRegister,
  encodeNotified,
  encodePing,
  encodeResult,
  type NotifiedEntry,
} from '../abi/control-frame.js'
import { ringOffset, sendCount, sendFirstSeq, sendSlotsAt, sendType } from '../abi/data-frame.js'
import { errnoOf } from '../abi/errno.js'
import {
  FRAME,
  frameFlags,
  frameX,
  frameY,
  frameZ,
  SEND_RETRY,
  type FrameBytes,
} from '../abi/frame.js'
import { MESSAGE_HEADER_BYTES, NOTIFY_ENTRIES_MAX, SEND_HEADER_BYTES } from '../abi/limits.js'
import { encodeRingPlace } from '../abi/share-frame.js'
import type { RegisterOutcome } from '../hypervisor/outcome.js'
import type { SessionEnd } from '../hypervisor/session-end.js'
import type { Session } from '../hypervisor/session.js'
import { assert } from '../util/assert.js'
import type { Hub } from './hub.js'
import type { NameTable } from './name-table.js'
import type { SessionOutput } from './session-output.js'

/**
 * What the client of a session asks for: frames in, operations on the hypervisor, and their
 * outcomes left with the output.
 */
export class Requests {
  readonly session: Session
  readonly #hub: Hub
  readonly #names: NameTable
  readonly #output: SessionOutput
  #nextSeq = 0

  constructor(hub: Hub, session: Session, names: NameTable, output: SessionOutput) {
    this.#hub = hub
    this.session = session
    this.#names = names
    this.#output = output
  }

  /** Datagrams that the client has sent, also those that were refused. */
  get sent(): number {
    return this.#nextSeq
  }

  /**
   * Does what a frame asks for.
   * @param type of the frame, which is read once: see `Connection`.
   * @returns nothing, or what is wrong with the frame: the session is to be ended for that.
   */
  take(type: number, source: FrameBytes, at: number, length: number): SessionEnd | undefined {
    switch (type) {
      case FRAME.SEND:
        return this.#onSend(source, at, length)
      case FRAME.CONSUMED:
        return this.#onConsumed(source, at)
      case FRAME.TARGET:
        return this.#onTarget(source, at)
      case FRAME.REGISTER:
        return this.#onRegister(source, at)
      case FRAME.UNREGISTER:
        return this.#onUnregister(source, at)
      case FRAME.NOTIFY:
        return this.#onNotify(source, at)
      case FRAME.PING:
        this.#output.frame(encodePing(FRAME.PONG, frameY(source.view, at), frameZ(source.view, at)))
        return undefined
      case FRAME.PONG:
        return undefined
      default:
        return { reason: 'frame-type', detail: `frame type ${type} is not one a client sends` }
    }
  }

  #onSend(source: FrameBytes, at: number, length: number): SessionEnd | undefined {
    const { view } = source
    const end = at + length
    if (length <= SEND_HEADER_BYTES) return malformedSend('SEND carries no message')
    const firstSeq = sendFirstSeq(view, at)
    if (firstSeq !== this.#nextSeq) {
      const detail = `SEND starts at sequence number ${firstSeq}, and ${this.#nextSeq} is next`
      return { reason: 'send-out-of-sequence', detail }
    }
    const flags = frameFlags(view, at)
    if ((flags & ~SEND_RETRY) !== 0) return malformedSend('SEND has reserved flags set')
    const handle = frameX(view, at) // once: a client that shares this memory may change it
    const target = this.#names.target(handle)
    if (target === undefined) return unknownTarget('SEND', handle)
    const total = sendCount(view, at)
    if (total === 0) return malformedSend('SEND carries no message')
    const run = {
      sourcePort: frameZ(view, at) as Port,
      target,
      port: frameY(view, at) as Port,
      type: sendType(view, at),
      count: total,
      retry: (flags & SEND_RETRY) !== 0,
    }
    let start = sendSlotsAt(at)
    let seq = firstSeq
    let roomBytes = Infinity
    while (run.count > 0) {
      const outcome = this.#hub.hypervisor.sendRun(this.session, run, source, start, end)
      if (outcome.malformed) {
        return malformedSend('SEND does not carry the messages its header counts')
      }
      seq += outcome.accepted
      run.count -= outcome.accepted
      roomBytes = outcome.roomBytes
      if (outcome.code === null) break
      const { refused, code, decisionId } = outcome
      this.#output.failed({ firstSeq: seq, count: refused, errno: errnoOf(code), decisionId })
      seq += refused
      run.count -= refused
      if (run.count === 0) break
      // Only messages that are too large are refused alone: the rest starts behind them.
      start += outcome.slotBytes + outcome.refusedSlotBytes
    }
    this.#nextSeq = firstSeq + total
    this.#hub.watch.came(total)
    if (roomBytes !== Infinity) {
      const payloadBytes = Math.max(0, roomBytes - MESSAGE_HEADER_BYTES)
      this.#output.room(handle, run.port, payloadBytes)
    }
    this.#output.sent(this.#nextSeq)
    return undefined
  }

  #onConsumed(source: FrameBytes, at: number): SessionEnd | undefined {
    const ring = this.session.rings.get(frameX(source.view, at))
    if (ring === undefined) return undefined // it was taken away while this was under way
    const offset = ringOffset(source.view, at)
    if (this.#hub.hypervisor.consume(ring, offset)) return undefined
    const { handle, givenOffset } = ring
    const detail = `CONSUMED says ${offset} of ring ${handle}, of which ${givenOffset} was given`
    return { reason: 'consumed-too-far', detail }
  }

  #onTarget(source: FrameBytes, at: number): SessionEnd | undefined {
    const name = decodeName(source, at)
    if (name === undefined) return { reason: 'target-malformed', detail: 'TARGET carries no name' }
    return this.#names.define(frameX(source.view, at), name, this.session.domain)
  }

  #onRegister(source: FrameBytes, at: number): SessionEnd | undefined {
    const register = decodeRegister(source, at)
    if (typeof register === 'string') return { reason: 'register-malformed', detail: register }
    let partner: DomainId | undefined = DOMID_ANY
    if (register.partner !== DOMID_ANY) {
      const target = this.#names.target(register.partner)
      if (target === undefined) return unknownTarget('REGISTER', register.partner)
      partner = target.domain?.id
    }
    const outcome: RegisterOutcome =
      partner === undefined
        ? { ok: false, code: 'ESRCH', detail: 'the partner is not a domain' }
        : this.#hub.hypervisor.registerRing(this.session, {
            port: register.port,
            partner,
            length: register.ringBytes,
            failExist: register.failExist,
          })
    const place = outcome.ok ? outcome.ring.buffer.placeOffset : undefined
    if (outcome.ok && place !== undefined) {
      const { handle, buffer } = outcome.ring
      this.#output.frame(encodeRingPlace({ ring: handle, offset: place, length: buffer.length }))
    }
    this.#output.frame(
      encodeResult({
        requestId: register.requestId,
        errno: outcome.ok ? 0 : errnoOf(outcome.code),
        port: outcome.ok ? outcome.ring.id.port : register.port,
        ring: outcome.ok ? outcome.ring.handle : 0,
        ringBytes: outcome.ok ? outcome.ring.buffer.length : 0,
        detail: outcome.ok ? '' : outcome.detail,
      }),
    )
    return undefined
  }

  #onUnregister(source: FrameBytes, at: number): undefined {
    const handle = frameX(source.view, at)
    const ring = this.session.rings.get(handle)
    const outcome = this.#hub.hypervisor.unregisterRing(this.session, handle)
    if (ring !== undefined) this.#output.dropRing(ring)
    this.#output.frame(
      encodeResult({
        requestId: frameY(source.view, at),
        errno: outcome.ok ? 0 : errnoOf(outcome.code),
        port: ring?.id.port ?? 0,
        ring: handle,
        ringBytes: 0,
        detail: outcome.ok ? '' : outcome.detail,
      }),
    )
    return undefined
  }

  #onNotify(source: FrameBytes, at: number): SessionEnd | undefined {
    const entries = decodeNotify(source, at)
    if (typeof entries === 'string') return malformedNotify(entries)
    const used = entries.length
    if (used > NOTIFY_ENTRIES_MAX) {
      const detail = `NOTIFY has ${used} entries, and at most ${NOTIFY_ENTRIES_MAX} are answered`
      return { reason: 'notify-too-long', detail, limit: NOTIFY_ENTRIES_MAX, used }
    }
    const sourcePort = frameZ(source.view, at) as Port
    if (sourcePort !== 0 && !this.session.isBound(sourcePort)) {
      const detail = `NOTIFY names source port ${sourcePort}, which this session has not bound`
      return malformedNotify(detail)
    }
    const queries = []
    for (const { target: number, port, spaceRequired, wantRing } of entries) {
      const target = this.#names.target(number)
      if (target === undefined) return unknownTarget('NOTIFY', number)
      queries.push({ target, port: port as Port, spaceRequired, wantRing })
    }
    const statuses = this.#hub.hypervisor.notify(
      this.session,
      sourcePort,
      queries,
      MESSAGE_TYPES.dgram,
    )
    assert(Array.isArray(statuses), 'a session that goes on gets an answer to what is not too long')
    const answers = statuses.map((status, index): NotifiedEntry => {
      const { target, port } = entries[index]!
      const { flags, maxMessageBytes, spaceBytes, code } = status
      const errno = code === null ? 0 : errnoOf(code)
      return { target, port, flags, maxMessageBytes, spaceBytes, errno }
    })
    this.#output.frame(encodeNotified(frameY(source.view, at), answers))
    return undefined
  }
}

function malformedSend(detail: string): SessionEnd {
  return { reason: 'send-malformed', detail }
}

function malformedNotify(detail: string): SessionEnd {
  return { reason: 'notify-malformed', detail }
}

function unknownTarget(frame: string, number: number): SessionEnd {
  const detail = `${frame} names target ${number}, which is not defined`
  return { reason: 'target-unknown', detail }
}
