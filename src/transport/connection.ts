import { DOMID_ANY, MESSAGE_TYPES, type DomainId, type Port } from '../abi/addr.js'
import { errnoOf, errorInfo, type ErrorCode } from '../abi/errno.js'
import { FrameReader } from '../abi/frame-reader.js'
import {
  decodeHello,
  decodeName,
  decodeNotify,
  decodeRegister,
  encodeClosing,
  encodeDomain,
  encodeNotified,
  encodePing,
  encodeResult,
  encodeWelcome,
  type NotifiedEntry,
} from '../abi/control-frame.js'
import { ringOffset, sendCount, sendFirstSeq, sendSlotsAt, sendType } from '../abi/data-frame.js'
import {
  FRAME,
  frameFlags,
  frameType,
  frameX,
  frameY,
  frameZ,
  PROTOCOL_VERSION,
  SEND_RETRY,
  type FrameBytes,
} from '../abi/frame.js'
import { encodeRingPlace } from '../abi/share-frame.js'
import {
  FRAME_BYTES_MAX,
  HELLO_BYTES_MAX,
  MESSAGE_HEADER_BYTES,
  SEND_HEADER_BYTES,
} from '../abi/limits.js'
import type { Domain } from '../hypervisor/domain.js'
import type { SessionEvent, SessionSink } from '../hypervisor/event.js'
import type { RegisterOutcome } from '../hypervisor/outcome.js'
import type { Ring } from '../hypervisor/ring.js'
import type { Session } from '../hypervisor/session.js'
import type { Hub } from './hub.js'
import type { Link } from './link.js'
import { NameTable } from './name-table.js'
import { PrivateCopy } from './private-copy.js'
import { SessionOutput } from './session-output.js'
import type { SharedReceiver } from './shared-link.js'
import type { SharedSegment } from './shared-segment.js'
import { Sharing } from './sharing.js'

/** Bytes that wait for a client that keeps sending before it is not listened to for a while. */
const PAUSE_OUTPUT_BYTES = 256 * 1024
const TOO_MUCH_WAITING = 'the client does not read what it is sent'

/**
 * One client's conversation: frames in, operations on the hypervisor, frames out. It starts with
 * a HELLO; after that everything the client holds hangs on its session, which ends with the
 * connection.
 */
export class Connection implements SessionSink {
  /** The way the client came by. */
  readonly #socket: Link
  readonly connectedAt: number
  agent = ''
  readonly #hub: Hub
  /** Whose socket it came in by, where the socket is the identity. */
  readonly #socketDomain: string | undefined
  readonly #reader: FrameReader
  readonly #names: NameTable
  readonly #output = new SessionOutput()
  readonly #sharing: Sharing
  /** Cuts what comes through shared memory into frames. */
  #sharedReader: FrameReader | undefined
  #session: Session | undefined
  #tokenId: number | undefined
  #expiresAt = Infinity
  #nextSeq = 0
  #isWriting = false
  #isPaused = false
  #isClosing = false
  #isQueued = false
  #heard = true
  #missedPings = 0

  constructor(hub: Hub, link: Link, socketDomain: string | undefined) {
    this.#hub = hub
    this.#socket = link
    this.connectedAt = hub.clock.now()
    this.#socketDomain = socketDomain
    this.#names = new NameTable(hub.hypervisor)
    this.#sharing = new Sharing(hub.segments, hub.watch)
    this.#reader = new FrameReader(
      HELLO_BYTES_MAX,
      (source, at, length) => this.#onSocketFrame(source, at, length),
      delta => hub.chargePartial(this.#session?.domain, delta),
    )
  }

  /** The way that frames take. */
  get link(): Link {
    return this.#sharing.link ?? this.#socket
  }

  get session(): Session | undefined {
    return this.#session
  }

  /** The token it was let in by, if it was one. */
  get tokenId(): number | undefined {
    return this.#tokenId
  }

  /**
   * Takes bytes from the client; they are not used after the call.
   * @param whole the bytes must end where a frame does.
   */
  receive(bytes: FrameBytes, start: number, end: number, whole = false): void {
    if (!this.#isClosing) {
      this.#hub.turn(() => {
        let problem = this.#reader.push(bytes, start, end)
        if (problem === undefined && whole && this.#reader.partialBytes > 0) {
          problem = 'a message ends inside a frame'
        }
        this.#took(problem)
      })
    }
    this.#hub.watch.heard()
    // Also when it is closing: the client may have made room for the last it is told.
    this.rung()
  }

  /** Has all frames go through memory that is shared with the client from the beginning. */
  share(segment: SharedSegment): void {
    this.#sharing.begin(segment, this.#socket, this.#sharedReceiver())
  }

  /** The client has rung: something is in the shared memory, or there is room again. */
  rung(): void {
    this.#sharing.link?.rung()
  }

  /** Ends the conversation for a reason, which is the last thing the client is told. */
  fail(code: ErrorCode, reason: string): void {
    if (this.#isClosing) return
    this.#close()
    const { close } = errorInfo(code)
    this.#hub.log('info', { code, reason, domain: this.#session?.domain.name }, 'session ended')
    const closing = encodeClosing({ errno: errnoOf(code), reason })
    this.link.write([...this.#output.take(), closing], () => this.link.end(close, reason))
    this.#hub.expectEnd(this)
  }

  /** The link is gone, or the client said goodbye. */
  gone(): void {
    this.#sharing.close()
    if (!this.#isClosing) this.#close()
    this.#hub.forget(this)
  }

  /** Called at every ping interval: asks a silent client whether it is there. */
  ping(now: number): void {
    if (this.#isClosing) return
    if (now >= this.#expiresAt) {
      this.fail('EKEYEXPIRED', 'the token that let this session in has expired')
      return
    }
    if (this.#heard) this.#missedPings = 0
    else if (++this.#missedPings > 2) {
      this.fail('ETIMEDOUT', 'nothing was heard for two ping intervals')
      return
    }
    if (!this.#heard) {
      this.#output.frame(encodePing(FRAME.PING, this.#missedPings, 0))
      this.#queue()
    }
    this.#heard = false
  }

  /** Writes what waits, unless a write is under way: then that one's end does. */
  flush(): void {
    this.#isQueued = false
    if (this.#isWriting || this.#isClosing || this.#output.isEmpty) return
    this.#isWriting = true
    this.link.write(this.#output.take(), this.#onWritten)
  }

  // ---- what the hypervisor tells ----

  data(ring: Ring, source: Domain): void {
    if (this.#names.mustTell(source)) this.#output.frame(encodeDomain(source.id, source.name))
    this.#output.ring(ring)
    this.#queue()
  }

  event(event: SessionEvent): void {
    if (this.#isClosing) return
    if (event.kind === 'policy-changed') {
      this.#output.event({ kind: event.kind, target: 0, port: 0, value: event.revision })
    } else {
      const { number, tell } = this.#names.numberOf(event.party)
      if (tell) this.#output.frame(encodeDomain(event.party.id, event.party.name))
      this.#output.event({
        kind: event.kind,
        target: number,
        port: event.kind === 'domain-down' ? 0 : event.port,
        value: event.kind === 'space' ? event.spaceBytes : 0,
      })
    }
    if (this.#hasTooMuchWaiting()) {
      // Not from in here: the hypervisor is in the middle of an operation.
      this.#hub.later(() => this.fail('ENOSPC', TOO_MUCH_WAITING))
    }
    this.#queue()
  }

  ended(code: ErrorCode, reason: string): void {
    this.fail(code, reason)
  }

  // ---- frames ----

  #onSocketFrame(source: FrameBytes, at: number, length: number): string | undefined {
    if (this.#sharing.link === undefined) {
      return this.#onFrame(frameType(source.view, at), source, at, length)
    }
    const type = frameType(source.view, at)
    return type === FRAME.BELL ? undefined : `frame type ${type} came by the socket, not by memory`
  }

  #onFrame(type: number, source: FrameBytes, at: number, length: number): string | undefined {
    if (this.#isClosing) return undefined
    if (this.#hasTooMuchWaiting()) {
      this.fail('ENOSPC', TOO_MUCH_WAITING)
      return undefined
    }
    if (this.#session === undefined) {
      return type === FRAME.HELLO
        ? this.#onHello(source, at)
        : `the first frame is of type ${type} and should be a HELLO`
    }
    switch (type) {
      case FRAME.SEND:
        return this.#onSend(this.#session, source, at, length)
      case FRAME.CONSUMED:
        return this.#onConsumed(this.#session, source, at)
      case FRAME.TARGET:
        return this.#onTarget(source, at)
      case FRAME.REGISTER:
        return this.#onRegister(this.#session, source, at)
      case FRAME.UNREGISTER:
        return this.#onUnregister(this.#session, source, at)
      case FRAME.NOTIFY:
        return this.#onNotify(this.#session, source, at)
      case FRAME.PING:
        this.#output.frame(encodePing(FRAME.PONG, frameY(source.view, at), frameZ(source.view, at)))
        this.#queue()
        return undefined
      case FRAME.PONG:
        return undefined
      case FRAME.SHARE:
        this.#output.frame(
          this.#sharing.offer(this.#session.domain, source, at, this.#canShare(this.#session)),
        )
        this.#queue()
        return undefined
      case FRAME.MAPPED:
        return this.#onMapped(this.#session, source, at)
      case FRAME.BYE:
        this.#close()
        this.link.end(1000, 'goodbye')
        this.#hub.expectEnd(this)
        return undefined
      default:
        return `frame type ${type} is not one a client sends`
    }
  }

  #onHello(source: FrameBytes, at: number): string | undefined {
    const hello = decodeHello(source, at)
    if (typeof hello === 'string') return hello
    if (hello.version !== PROTOCOL_VERSION) {
      this.fail(
        'EPROTONOSUPPORT',
        `protocol version ${PROTOCOL_VERSION} is spoken here, not ${hello.version}`,
      )
      return undefined
    }
    const admission = this.#hub.admit(hello.token, this.#socketDomain)
    if (!admission.ok) {
      this.fail(admission.code, admission.detail)
      return undefined
    }
    const { hypervisor } = this.#hub
    const outcome = hypervisor.openSession(admission.domain, this)
    if (!outcome.ok) {
      this.fail(outcome.code, outcome.detail)
      return undefined
    }
    this.#session = outcome.session
    this.#tokenId = admission.tokenId
    this.#expiresAt = admission.expiresAt ?? Infinity
    this.agent = hello.agent.slice(0, 100)
    this.#reader.lengthMax = FRAME_BYTES_MAX
    if (this.#sharedReader !== undefined) this.#sharedReader.lengthMax = FRAME_BYTES_MAX
    outcome.session.ringMemory = this.#sharing.rings
    this.#hub.authenticated(this)
    const { limits } = hypervisor
    this.#output.frame(
      encodeWelcome({
        version: PROTOCOL_VERSION,
        domain: admission.domain.id,
        session: outcome.session.id,
        name: admission.domain.name,
        ringBytesMax: limits.ringBytesPerDomainMax,
        ringsMax: limits.ringsPerDomainMax,
        pingIntervalMs: limits.pingIntervalMs,
        revision: hypervisor.policy.revision,
      }),
    )
    this.#queue()
    return undefined
  }

  #onSend(session: Session, source: FrameBytes, at: number, length: number): string | undefined {
    const { view } = source
    const end = at + length
    if (length <= SEND_HEADER_BYTES) return 'SEND carries no message'
    const firstSeq = sendFirstSeq(view, at)
    if (firstSeq !== this.#nextSeq) {
      return `SEND starts at sequence number ${firstSeq}, and ${this.#nextSeq} is next`
    }
    const flags = frameFlags(view, at)
    if ((flags & ~SEND_RETRY) !== 0) return 'SEND has reserved flags set'
    const handle = frameX(view, at) // once: a client that shares this memory may change it
    const target = this.#names.target(handle)
    if (target === undefined) return `SEND names target ${handle}, which is not defined`
    const total = sendCount(view, at)
    if (total === 0) return 'SEND carries no message'
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
      const outcome = this.#hub.hypervisor.sendRun(session, run, source, start, end)
      if (outcome.malformed) return 'SEND does not carry the messages its header counts'
      seq += outcome.accepted
      run.count -= outcome.accepted
      roomBytes = outcome.roomBytes
      if (outcome.code === null) break
      const { refused, code, decisionId } = outcome
      this.#output.failed({ firstSeq: seq, count: refused, errno: errnoOf(code), decisionId })
      seq += refused
      run.count -= refused
      if (run.count === 0) break
      // Only a message that is too large is refused alone: the rest starts behind it.
      start += outcome.slotBytes + outcome.refusedSlotBytes
    }
    this.#nextSeq = firstSeq + total
    this.#hub.watch.came(total)
    if (roomBytes !== Infinity) {
      const payloadBytes = Math.max(0, roomBytes - MESSAGE_HEADER_BYTES)
      this.#output.room(handle, run.port, payloadBytes)
    }
    this.#output.sent(this.#nextSeq)
    this.#queue()
    return undefined
  }

  #onConsumed(session: Session, source: FrameBytes, at: number): string | undefined {
    const ring = session.rings.get(frameX(source.view, at))
    if (ring === undefined) return undefined // it was taken away while this was under way
    const offset = ringOffset(source.view, at)
    if (this.#hub.hypervisor.consume(ring, offset)) return undefined
    return `CONSUMED says ${offset} of ring ${ring.handle}, of which ${ring.givenOffset} was given`
  }

  #onTarget(source: FrameBytes, at: number): string | undefined {
    const name = decodeName(source, at)
    if (name === undefined) return 'TARGET carries no name'
    return this.#names.define(frameX(source.view, at), name)
  }

  #onRegister(session: Session, source: FrameBytes, at: number): string | undefined {
    const register = decodeRegister(source, at)
    if (typeof register === 'string') return register
    let partner: DomainId | undefined = DOMID_ANY
    if (register.partner !== DOMID_ANY) {
      const target = this.#names.target(register.partner)
      if (target === undefined)
        return `REGISTER names target ${register.partner}, which is not defined`
      partner = target.domain?.id
    }
    const outcome: RegisterOutcome =
      partner === undefined
        ? { ok: false, code: 'ESRCH', detail: 'the partner is not a domain' }
        : this.#hub.hypervisor.registerRing(session, {
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
    this.#queue()
    return undefined
  }

  #onUnregister(session: Session, source: FrameBytes, at: number): string | undefined {
    const handle = frameX(source.view, at)
    const ring = session.rings.get(handle)
    const outcome = this.#hub.hypervisor.unregisterRing(session, handle)
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
    this.#queue()
    return undefined
  }

  #onNotify(session: Session, source: FrameBytes, at: number): string | undefined {
    const entries = decodeNotify(source, at)
    if (typeof entries === 'string') return entries
    const sourcePort = frameZ(source.view, at) as Port
    if (sourcePort !== 0 && !session.isBound(sourcePort)) {
      return `NOTIFY names source port ${sourcePort}, which this session has not bound`
    }
    const queries = []
    for (const { target: number, port, spaceRequired, wantRing } of entries) {
      const target = this.#names.target(number)
      if (target === undefined) return `NOTIFY names target ${number}, which is not defined`
      queries.push({ target, port: port as Port, spaceRequired, wantRing })
    }
    const statuses = this.#hub.hypervisor.notify(session, sourcePort, queries, MESSAGE_TYPES.dgram)
    if (!Array.isArray(statuses)) return `NOTIFY: ${statuses.detail}`
    const answers = statuses.map((status, index): NotifiedEntry => {
      const { target, port } = entries[index]!
      const { flags, maxMessageBytes, spaceBytes, code } = status
      const errno = code === null ? 0 : errnoOf(code)
      return { target, port, flags, maxMessageBytes, spaceBytes, errno }
    })
    this.#output.frame(encodeNotified(frameY(source.view, at), answers))
    this.#queue()
    return undefined
  }

  // ---- shared memory ----

  /** Only a session that has just begun can move. */
  #canShare(session: Session): boolean {
    return this.#socket.ring !== undefined && this.#nextSeq === 0 && session.rings.size === 0
  }

  #onMapped(session: Session, source: FrameBytes, at: number): string | undefined {
    const problem = this.#sharing.mapped(source, at, this.#socket, this.#sharedReceiver())
    session.ringMemory = this.#sharing.rings
    return problem
  }

  /** Deals with what comes through shared memory. */
  #sharedReceiver(): SharedReceiver {
    const copies = new PrivateCopy()
    let memory: FrameBytes | undefined
    const reader = new FrameReader(
      this.#session === undefined ? HELLO_BYTES_MAX : FRAME_BYTES_MAX,
      (frame, at, length) => {
        const type = frameType(frame.view, at)
        // What SEND says is read once, each number for itself; of all others there is a copy.
        if (frame !== memory || type === FRAME.SEND) return this.#onFrame(type, frame, at, length)
        const copy = copies.of(frame, at, length)
        return this.#onFrame(frameType(copy.view, 0), copy, 0, length)
      },
      delta => this.#hub.chargePartial(this.#session?.domain, delta),
    )
    this.#sharedReader = reader
    return {
      onBytes: (bytes, start, end) => {
        memory = bytes
        if (!this.#isClosing) this.#took(reader.push(bytes, start, end))
      },
      onBroken: problem => this.fail('EPROTO', problem),
      turn: work => this.#hub.turn(work),
    }
  }

  /** Bytes of the client were dealt with. */
  #took(problem: string | undefined): void {
    this.#heard = true
    if (problem !== undefined) this.fail('EPROTO', problem)
    if (this.#output.waitingBytes > PAUSE_OUTPUT_BYTES) this.#pause()
  }

  // ---- the way out ----

  #queue(): void {
    if (this.#isQueued || this.#isWriting || this.#isClosing) return
    this.#isQueued = true
    this.#hub.queue(this)
  }

  readonly #onWritten = (): void => {
    this.#isWriting = false
    if (this.#isPaused && this.#output.waitingBytes < PAUSE_OUTPUT_BYTES / 2) {
      this.#isPaused = false
      this.link.resume()
    }
    this.flush()
  }

  /** One chunk from the client may hold so many frames that their answers alone are too much. */
  #hasTooMuchWaiting(): boolean {
    return this.#output.waitingBytes > this.#hub.hypervisor.limits.sessionOutputBytesMax
  }

  #pause(): void {
    if (this.#isPaused || this.#isClosing) return
    this.#isPaused = true
    this.link.pause()
  }

  #close(): void {
    this.#isClosing = true
    this.#reader.close()
    this.#sharedReader?.close()
    if (this.#session !== undefined) this.#hub.hypervisor.endSession(this.#session)
    this.#names.close()
  }
}
