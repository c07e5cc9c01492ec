import {
  decodeHello,
  encodeClosing,
  encodeDomain,
  encodePing,
  encodeWelcome,
} from '../abi/control-frame.js'
import { errnoOf, errorInfo, type ErrorCode } from '../abi/errno.js'
import { FrameReader } from '../abi/frame-reader.js'
import { FRAME, frameType, PROTOCOL_VERSION, type FrameBytes } from '../abi/frame.js'
import { FRAME_BYTES_MAX, HELLO_BYTES_MAX } from '../abi/limits.js'
import type { Domain } from '../hypervisor/domain.js'
import type { SessionEvent, SessionSink } from '../hypervisor/event.js'
import type { Ring } from '../hypervisor/ring.js'
import type { Session } from '../hypervisor/session.js'
import type { Hub } from './hub.js'
import type { Link } from './link.js'
import { NameTable } from './name-table.js'
import { PrivateCopy } from './private-copy.js'
import { Requests } from './requests.js'
import { SessionOutput } from './session-output.js'
import type { SharedReceiver } from './shared-link.js'
import type { SharedSegment } from './shared-segment.js'
import { Sharing } from './sharing.js'

/** Bytes that wait for a client that keeps sending before it is not listened to for a while. */
const PAUSE_OUTPUT_BYTES = 256 * 1024
const TOO_MUCH_WAITING = 'the client does not read what it is sent'

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
  readonly #socketDomain: string | undefined
  readonly #reader: FrameReader
  readonly #names: NameTable
  readonly #output = new SessionOutput()
  readonly #sharing: Sharing
  /** Cuts what comes through shared memory into frames. */
  #sharedReader: FrameReader | undefined
  /** From the HELLO on. */
  #requests: Requests | undefined
  #tokenId: number | undefined
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
    this.#socketDomain = socketDomain
    this.#names = new NameTable(hub.hypervisor)
    this.#sharing = new Sharing(hub.segments, hub.watch)
    this.#reader = new FrameReader(
      HELLO_BYTES_MAX,
      (source, at, length) => this.#onSocketFrame(source, at, length),
      delta => hub.chargePartial(this.session?.domain, delta),
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
    this.#hub.log('info', { code, reason, domain: this.session?.domain.name }, 'session ended')
    const closing = encodeClosing({ errno: errnoOf(code), reason })
    this.link.write([...this.#output.take(this.#isWriting), closing], () =>
      this.link.end(close, reason),
    )
    this.#hub.expectEnd(this)
  }

  /** The link is gone, or the client said goodbye. */
  gone(): void {
    this.#sharing.close()
    if (!this.#isClosing) this.#close()
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
    const requests = this.#requests
    if (requests === undefined) {
      return type === FRAME.HELLO
        ? this.#onHello(source, at)
        : `the first frame is of type ${type} and should be a HELLO`
    }
    let problem: string | undefined
    switch (type) {
      case FRAME.SHARE:
        this.#onShare(requests, source, at)
        break
      case FRAME.MAPPED:
        problem = this.#onMapped(requests.session, source, at)
        break
      case FRAME.BYE:
        this.#close()
        this.link.end(1000, 'goodbye')
        this.#hub.expectEnd(this)
        break
      default:
        problem = requests.take(type, source, at, length)
    }
    if (!this.#output.isEmpty) this.#queue()
    return problem
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
    this.#requests = new Requests(this.#hub, outcome.session, this.#names, this.#output)
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

  // ---- shared memory ----

  #onShare({ session, hasSent }: Requests, source: FrameBytes, at: number): void {
    // Only a session that has just begun can move.
    const isNew = !hasSent && session.rings.size === 0
    const canShare = this.#socket.ring !== undefined && isNew
    this.#output.frame(this.#sharing.offer(session.domain, source, at, canShare))
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
      this.session === undefined ? HELLO_BYTES_MAX : FRAME_BYTES_MAX,
      (frame, at, length) => {
        const type = frameType(frame.view, at)
        // What SEND says is read once, each number for itself; of all others there is a copy.
        if (frame !== memory || type === FRAME.SEND) return this.#onFrame(type, frame, at, length)
        const copy = copies.of(frame, at, length)
        return this.#onFrame(frameType(copy.view, 0), copy, 0, length)
      },
      delta => this.#hub.chargePartial(this.session?.domain, delta),
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
    if (this.session !== undefined) this.#hub.hypervisor.endSession(this.session)
    this.#names.close()
  }
}
