import {
  decodeHello,
  encodeClosing,
  encodeDomain,
  encodePing,
  encodeWelcome,
} from '../abi/control-frame.js'
import { endReasonInfo, type EndReason } from '../abi/end-reason.js'
import { errnoOf, errorInfo } from '../abi/errno.js'
import { FrameReader } from '../abi/frame-reader.js'
import { FRAME, frameType, PROTOCOL_VERSION, type FrameBytes } from '../abi/frame.js'
import { FRAME_BYTES_MAX, HELLO_BYTES_MAX } from '../abi/limits.js'
import type { Domain } from '../hypervisor/domain.js'
import type { Party, SessionEvent, SessionSink } from '../hypervisor/event.js'
import type { Ring } from '../hypervisor/ring.js'
import type { SessionEnd } from '../hypervisor/session-end.js'
import type { Session } from '../hypervisor/session.js'
import { assert } from '../util/assert.js'
import type { Hub } from './hub.js'
import type { Link } from './link.js'
import { NameTable } from './name-table.js'
import { PrivateCopy } from './private-copy.js'
import { Requests } from './requests.js'
import { CONNECTION_LOST, LEFT, LEFT_EARLY, lengthEnd } from './session-ends.js'
import { SessionOutput } from './session-output.js'
import type { SharedReceiver } from './shared-link.js'
import type { SharedSegment } from './shared-segment.js'
import { Sharing } from './sharing.js'

/** Bytes that wait for a client that keeps sending before it is not listened to for a while. */
const PAUSE_OUTPUT_BYTES = 256 * 1024

/**
 * One client's conversation: frames in, requests done, frames out. It starts with a HELLO; after
 * that everything the client holds hangs on its session, which ends with the connection.
 */
export class Connection implements SessionSink {
  /** The way the client came by. */
  readonly #socket: Link
  readonly connectedAt: number
  agent = ''
  readonly #hub: Hub
  /** Whose socket it came in by, where the socket is the identity. */
  readonly socketDomain: string | undefined
  readonly #reader: FrameReader
  readonly #names: NameTable
  readonly #output = new SessionOutput()
  readonly #sharing: Sharing
  /** Cuts what comes through shared memory into frames. */
  #sharedReader: FrameReader | undefined
  /** From the HELLO on. */
  #requests: Requests | undefined
  #tokenId: number | undefined
  /** Who it has proved to be, before it has a session or instead of one. */
  #party: Party | undefined
  /** Bytes of frames that are not whole, as far as they are counted against its domain. */
  #keptBytes = 0
  /** Why no more of a frame that is not whole was kept. */
  #notKept: SessionEnd | undefined
  #expiresAt = Infinity
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
    this.socketDomain = socketDomain
    if (socketDomain !== undefined) this.#party = hub.hypervisor.domainNamed(socketDomain)?.party
    this.#names = new NameTable(hub.hypervisor)
    this.#sharing = new Sharing(hub.segments, hub.watch)
    this.#reader = new FrameReader(
      HELLO_BYTES_MAX,
      (source, at, length) => this.#onSocketFrame(source, at, length),
      delta => this.#mayKeep(delta),
    )
  }

  /** The way that frames take. */
  get link(): Link {
    return this.#sharing.link ?? this.#socket
  }

  get session(): Session | undefined {
    return this.#requests?.session
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
        this.#take(this.#reader, bytes, start, end)
        if (whole && this.#reader.partialBytes > 0) {
          this.fail({ reason: 'message-cut', detail: 'a message ends inside a frame' })
        }
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
  fail(end: SessionEnd): void {
    if (this.#isClosing) return
    this.#close(end)
    const { code } = endReasonInfo(end.reason)
    assert(code !== null, 'the client is told what the daemon ends its session for')
    const { close } = errorInfo(code)
    const closing = encodeClosing({ errno: errnoOf(code), reason: end.detail })
    this.link.write([...this.#output.take(this.#isWriting), closing], () =>
      this.link.end(close, end.detail),
    )
    this.#hub.expectEnd(this)
  }

  /** The link is gone, or the client said goodbye. */
  gone(): void {
    this.#sharing.close()
    if (!this.#isClosing) {
      this.#close(this.session === undefined ? LEFT_EARLY : CONNECTION_LOST)
    }
    this.#hub.forget(this)
  }

  /** The token that let it in ends then, if not before; milliseconds since the Unix epoch. */
  expireBy(at: number): void {
    this.#expiresAt = Math.min(this.#expiresAt, at)
  }

  /** Called at every ping interval: asks a silent client whether it is there. */
  ping(now: number): void {
    if (this.#isClosing) return
    if (now >= this.#expiresAt) {
      this.fail({
        reason: 'token-expired',
        detail: 'the token that let this session in has expired',
      })
      return
    }
    if (this.#heard) this.#missedPings = 0
    else if (++this.#missedPings > 2) {
      const { pingIntervalMs: limit } = this.#hub.hypervisor.limits
      const detail = `nothing was heard for ${this.#missedPings} ping intervals, nor two pings answered`
      this.fail({ reason: 'ping-timeout', detail, limit, used: this.#missedPings * limit })
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
    const problem = this.#outputProblem()
    // Not from in here: the hypervisor is in the middle of an operation.
    if (problem !== undefined) this.#hub.later(() => this.fail(problem))
    this.#queue()
  }

  ended(reason: EndReason, detail: string): void {
    this.fail({ reason, detail })
  }

  // ---- frames ----

  #onSocketFrame(source: FrameBytes, at: number, length: number): undefined {
    const type = frameType(source.view, at)
    if (this.#sharing.link === undefined) {
      this.#onFrame(type, source, at, length)
    } else if (type !== FRAME.BELL) {
      const detail = `frame type ${type} came by the socket, not by memory`
      this.fail({ reason: 'frame-beside-memory', detail })
    }
  }

  /** Deals with a frame. One that must not be ends the session, and its reader hands over no more. */
  #onFrame(type: number, source: FrameBytes, at: number, length: number): undefined {
    if (this.#isClosing) return
    const problem = this.#outputProblem() ?? this.#problemOf(type, source, at, length)
    if (problem !== undefined) this.fail(problem)
    else if (!this.#output.isEmpty) this.#queue()
  }

  #problemOf(type: number, source: FrameBytes, at: number, length: number): SessionEnd | undefined {
    const requests = this.#requests
    if (requests === undefined) {
      if (type === FRAME.HELLO) return this.#onHello(source, at)
      const detail = `the first frame is of type ${type} and should be a HELLO`
      return { reason: 'hello-missing', detail }
    }
    switch (type) {
      case FRAME.SHARE:
        this.#onShare(requests, source, at)
        return undefined
      case FRAME.MAPPED:
        return this.#onMapped(requests.session, source, at)
      case FRAME.BYE:
        this.#close(LEFT)
        this.link.end(1000, 'goodbye')
        this.#hub.expectEnd(this)
        return undefined
      default:
        return requests.take(type, source, at, length)
    }
  }

  #onHello(source: FrameBytes, at: number): SessionEnd | undefined {
    const hello = decodeHello(source, at)
    if (typeof hello === 'string') return { reason: 'hello-malformed', detail: hello }
    this.agent = hello.agent.slice(0, 100)
    if (hello.version !== PROTOCOL_VERSION) {
      const detail = `protocol version ${PROTOCOL_VERSION} is spoken here, not ${hello.version}`
      return { reason: 'version-unknown', detail }
    }
    const admission = this.#hub.admit(hello.token, this.socketDomain)
    this.#tokenId = admission.tokenId
    if (!admission.ok) {
      this.#party = admission.domain ?? this.#party
      return admission
    }
    this.#party = admission.domain.party
    const { hypervisor } = this.#hub
    const outcome = hypervisor.openSession(admission.domain, this)
    if (!outcome.ok) return outcome
    this.#requests = new Requests(this.#hub, outcome.session, this.#names, this.#output)
    this.#expiresAt = admission.expiresAt ?? Infinity
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

  // ---- shared memory ----

  #onShare({ session, sent }: Requests, source: FrameBytes, at: number): void {
    // Only a session that has just begun can move.
    const isNew = sent === 0 && session.rings.size === 0
    const canShare = this.#socket.ring !== undefined && isNew
    this.#output.frame(this.#sharing.offer(session.domain, source, at, canShare))
  }

  #onMapped(session: Session, source: FrameBytes, at: number): SessionEnd | undefined {
    const problem = this.#sharing.mapped(source, at, this.#socket, this.#sharedReceiver())
    session.ringMemory = this.#sharing.rings
    return problem === undefined ? undefined : { reason: 'mapped-unasked', detail: problem }
  }

  /** Deals with what comes through shared memory. */
  #sharedReceiver(): SharedReceiver {
    const copies = new PrivateCopy()
    let memory: FrameBytes | undefined
    const reader = new FrameReader(
      this.session === undefined ? HELLO_BYTES_MAX : FRAME_BYTES_MAX,
      (frame, at, length) => {
        const type = frameType(frame.view, at)
        // What SEND says is read once, each number for itself; of all others there is a copy.
        if (frame !== memory || type === FRAME.SEND) return this.#onFrame(type, frame, at, length)
        const copy = copies.of(frame, at, length)
        return this.#onFrame(frameType(copy.view, 0), copy, 0, length)
      },
      delta => this.#mayKeep(delta),
    )
    this.#sharedReader = reader
    return {
      onBytes: (bytes, start, end) => {
        memory = bytes
        if (!this.#isClosing) this.#take(reader, bytes, start, end)
      },
      onBroken: detail => this.fail({ reason: 'shared-memory-malformed', detail }),
      turn: work => this.#hub.turn(work),
    }
  }

  #take(reader: FrameReader, bytes: FrameBytes, start: number, end: number): void {
    const problem = reader.push(bytes, start, end)
    this.#heard = true
    // What is wrong with a frame has ended the session already: this is about the frames' lengths.
    if (problem !== undefined) this.fail(this.#notKept ?? lengthEnd(reader, problem))
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
  #outputProblem(): SessionEnd | undefined {
    const { sessionOutputBytesMax: limit } = this.#hub.hypervisor.limits
    const used = this.#output.waitingBytes
    if (used <= limit) return undefined
    return {
      reason: 'slow-reader',
      detail: 'the client does not read what it is sent',
      limit,
      used,
    }
  }

  #mayKeep(delta: number): boolean {
    const domain = this.session?.domain
    if (domain === undefined) return true // no more than a HELLO
    // What was kept of the HELLO was not counted, and is given back when the session has begun.
    const counted = Math.max(delta, -this.#keptBytes)
    const problem = this.#hub.chargePartial(domain, counted)
    this.#notKept ??= problem
    if (problem !== undefined) return false
    this.#keptBytes += counted
    return true
  }

  #pause(): void {
    if (this.#isPaused || this.#isClosing) return
    this.#isPaused = true
    this.link.pause()
  }

  #close(end: SessionEnd): void {
    this.#isClosing = true
    this.#reader.close()
    this.#sharedReader?.close()
    const { session } = this
    if (session !== undefined) this.#hub.hypervisor.endSession(session)
    this.#names.close()
    const { reason, detail, limit, used } = end
    this.#hub.ended({
      reason,
      detail,
      limit,
      used,
      domain: session?.domain.party ?? this.#party,
      session: session?.id,
      tokenId: this.#tokenId,
      transport: this.link.kind,
      remote: this.#socket.remote ?? {},
      agent: this.agent,
      livedMs: Math.max(0, this.#hub.clock.now() - this.connectedAt),
      datagramsSent: this.#requests?.sent ?? 0,
      datagramsReceived: session?.datagramsReceived ?? 0,
      bytesReceived: session?.bytesReceived ?? 0,
    })
  }
}
