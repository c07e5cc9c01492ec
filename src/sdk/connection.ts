import { FrameReader } from '../abi/frame-reader.js'
import {
  decodeClosing,
  decodeEvent,
  decodeName,
  decodeNotified,
  decodeResult,
  decodeWelcome,
  encodeHello,
  encodeNotify,
  encodePing,
  encodeTarget,
  type EventFrame,
  type NotifiedEntry,
  type NotifyEntry,
  type Register,
  type Welcome,
} from '../abi/control-frame.js'
import { ringDataInPlaceBytes, ringOffset } from '../abi/data-frame.js'
import {
  FRAME,
  frameFlags,
  frameType,
  frameX,
  frameY,
  frameZ,
  PROTOCOL_VERSION,
  RING_DATA_IN_PLACE,
  type FrameBytes,
} from '../abi/frame.js'
import { FRAME_BYTES_MAX, FRAME_HEADER_BYTES } from '../abi/limits.js'
import { decodeRingPlace, decodeShared, encodeShare, type Shared } from '../abi/share-frame.js'
import type { Load } from '../native/poller.js'
import { Calls } from './calls.js'
import { withDeadline, type CallOptions } from './deadline.js'
import { transportError, V4vError } from './errors.js'
import { Packer } from './packer.js'
import { Pulse } from './pulse.js'
import { RingTable } from './ring-table.js'
import { watchRing } from './ring-watch.js'
import type { Ring } from './ring.js'
import { Sender } from './sender.js'
import { StatusFeed, type Status } from './status-feed.js'
import { TargetTable } from './target-table.js'
import type { Transport, TransportKind, TransportReceiver } from './transport.js'

/** A transport that does not close by itself within this time is ended. */
const TRANSPORT_CLOSE_MS = 1_000

/** One session's conversation with the daemon: frames in, frames out, and who waits for what. */
export class Connection implements TransportReceiver {
  readonly packer: Packer
  readonly targets: TargetTable
  readonly sender: Sender
  readonly load: Load
  readonly #transport: Transport
  readonly #reader: FrameReader
  readonly #rings = new RingTable(this)
  readonly #statuses = new Calls<NotifiedEntry[]>()
  readonly #feeds = new Set<StatusFeed>()
  readonly #offers = new Calls<Shared>()
  readonly closed: Promise<V4vError | undefined>
  #resolveClosed!: (error: V4vError | undefined) => void
  #welcome: Welcome | undefined
  #opening: ((outcome: Welcome | V4vError) => void) | undefined
  #revision = 0
  #isOver = false
  #transportClosed!: () => void
  readonly #whenTransportClosed: Promise<void>
  #pulse: Pulse | undefined

  constructor(transport: Transport) {
    this.#transport = transport
    this.packer = new Packer(transport)
    this.targets = new TargetTable((handle, name) =>
      this.packer.control(encodeTarget(handle, name)),
    )
    this.load = transport.load ?? { messages: 0 }
    this.sender = new Sender(this.packer, this.load, (flow, ring) => watchRing(this, flow, ring))
    this.#reader = new FrameReader(FRAME_BYTES_MAX, (source, at, length) =>
      this.#onFrame(source, at, length),
    )
    this.closed = new Promise(resolve => (this.#resolveClosed = resolve))
    this.#whenTransportClosed = new Promise(resolve => (this.#transportClosed = resolve))
  }

  /** What the daemon said when it let the session in. */
  get welcome(): Welcome {
    if (this.#welcome === undefined) throw new V4vError('EPROTO', 'the session has not begun')
    return this.#welcome
  }

  /** Revision of the policy in force, as far as the daemon has told. */
  get revision(): number {
    return this.#revision
  }

  /** How it reaches the daemon. */
  get transport(): TransportKind {
    return this.#transport.kind ?? 'memory'
  }

  /** The session has ended, or never will begin. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** Says who the client is and waits to be let in. */
  open(token: string, agent: string, options: CallOptions): Promise<Welcome> {
    return withDeadline<Welcome>(options, (resolve, reject) => {
      this.#opening = outcome => {
        this.#opening = undefined
        if (outcome instanceof V4vError) reject(outcome)
        else resolve(outcome)
      }
      this.#transport.start(this)
      this.packer.control(encodeHello({ version: PROTOCOL_VERSION, token, agent }))
      return () => this.#end(undefined)
    })
  }

  /** Asks the daemon for memory to share with it; only before anything else is asked or sent. */
  async offer(options: CallOptions): Promise<Shared> {
    this.#check()
    return this.#offers.call(options, id => this.packer.control(encodeShare(id)))
  }

  async register(
    request: Omit<Register, 'requestId'>,
    isForPartner: boolean,
    options: CallOptions,
  ): Promise<Ring> {
    this.#check()
    return this.#rings.register(request, isForPartner, options)
  }

  async unregister(ring: Ring, options: CallOptions): Promise<void> {
    if (!this.#isOver) await this.#rings.unregister(ring, options)
  }

  async notify(
    entries: readonly NotifyEntry[],
    sourcePort: number,
    options: CallOptions,
  ): Promise<NotifiedEntry[]> {
    this.#check()
    return this.#statuses.call(options, id =>
      this.packer.control(encodeNotify(id, sourcePort, entries)),
    )
  }

  /** A new reader of what happens to the session. */
  feed(): StatusFeed {
    const feed = new StatusFeed(done => this.#feeds.delete(done))
    const { name, session } = this.welcome
    const { transport } = this
    feed.push({ kind: 'connected', domain: name, session, revision: this.#revision, transport })
    if (this.#isOver) feed.push({ kind: 'closed', error: undefined })
    else this.#feeds.add(feed)
    return feed
  }

  /** Waits until what was taken to be sent is decided, for so long at most, and ends. */
  async close(timeoutMs: number): Promise<void> {
    if (this.#isOver) return
    const shut = new V4vError('ESHUTDOWN', 'the connection is closed')
    for (const flow of this.targets.flows()) this.sender.failAbsent(flow, shut)
    const rings = this.#rings.rings()
    for (const ring of rings) ring.shut(shut)
    const drained = Promise.all(rings.map(ring => ring.idle({ timeoutMs })))
    await drained.catch(() => undefined) // what is left fails now
    this.#end(undefined)
    await withDeadline<void>({ timeoutMs: TRANSPORT_CLOSE_MS }, (resolve, reject) => {
      this.#whenTransportClosed.then(resolve, reject)
      return undefined
    }).catch(() => this.#transport.destroy())
    this.#transport.release?.()
  }

  onBytes(source: FrameBytes, start: number, end: number): void {
    if (this.#isOver) return
    this.#pulse?.heard()
    const problem = this.#reader.push(source, start, end)
    if (problem !== undefined && !this.#isOver) this.#end(new V4vError('EPROTO', problem))
  }

  onDrain(): void {
    this.packer.drained()
  }

  onClose(error?: Error): void {
    this.#transportClosed()
    if (this.#isOver) return
    this.#end(transportError(error, this.#welcome === undefined))
  }

  /** Ends the session: by the client without a reason, or for one. */
  #end(reason: V4vError | undefined): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#pulse?.stop()
    const error =
      reason === undefined
        ? new V4vError('ECONNRESET', 'the connection was closed before the daemon answered')
        : new V4vError('ECONNRESET', `the session ended: ${reason.message}`, { cause: reason })
    this.packer.bye()
    this.#transport.close()
    if (reason !== undefined) {
      // Whoever fails a session may never read or close; what was sent in vain is not waited for.
      setTimeout(() => this.#transport.destroy(), TRANSPORT_CLOSE_MS).unref()
    }
    this.sender.failAll(error, this.targets.flows())
    this.#opening?.(reason ?? error)
    this.#statuses.failAll(error)
    this.#offers.failAll(error)
    this.#rings.end(error, reason !== undefined)
    this.#tell({ kind: 'closed', error: reason === undefined ? undefined : error })
    this.#resolveClosed(reason === undefined ? undefined : error)
  }

  #onFrame(source: FrameBytes, at: number, length: number): string | undefined {
    const { view } = source
    const type = frameType(view, at)
    if (this.#isOver) return undefined
    if (this.#welcome === undefined && type !== FRAME.WELCOME && type !== FRAME.CLOSING) {
      return 'the daemon did not begin with WELCOME'
    }
    switch (type) {
      case FRAME.RING_DATA: {
        const ring = this.#rings.ring(frameX(view, at))
        // A ring that was unregistered meanwhile is nobody's any more.
        if (ring === undefined) return undefined
        const offset = ringOffset(view, at)
        if ((frameFlags(view, at) & RING_DATA_IN_PLACE) !== 0) {
          return ring.receivedInPlace(offset, ringDataInPlaceBytes(view, at))
        }
        return ring.received(offset, source.bytes, at + FRAME_HEADER_BYTES, at + length)
      }
      case FRAME.RING_PLACE: {
        const place = decodeRingPlace(source, at)
        const memory = this.#transport.memory?.(place.offset, place.length)
        if (memory === undefined) return 'RING_PLACE names memory that is not shared'
        this.#rings.place(place.ring, memory)
        return undefined
      }
      case FRAME.SHARED: {
        const shared = decodeShared(source, at)
        if (typeof shared === 'string') return shared
        this.#offers.answer(shared.requestId, shared)
        return undefined
      }
      case FRAME.SENT:
        return this.sender.onSent(view, at)
      case FRAME.EVENT:
        this.#onEvent(decodeEvent(source, at))
        return undefined
      case FRAME.DOMAIN: {
        const name = decodeName(source, at)
        if (name === undefined) return 'DOMAIN is too short'
        this.targets.learn(frameX(view, at), name)
        return undefined
      }
      case FRAME.RESULT: {
        const result = decodeResult(source, at)
        if (typeof result === 'string') return result
        return this.#rings.onResult(result)
      }
      case FRAME.NOTIFIED: {
        const entries = decodeNotified(source, at)
        if (typeof entries === 'string') return entries
        this.#statuses.answer(frameY(view, at), entries)
        return undefined
      }
      case FRAME.PING:
        this.packer.control(encodePing(FRAME.PONG, frameY(view, at), frameZ(view, at)))
        return undefined
      case FRAME.WELCOME:
        return this.#onWelcome(decodeWelcome(source, at))
      case FRAME.CLOSING: {
        const closing = decodeClosing(source, at)
        if (typeof closing === 'string') return closing
        this.#end(V4vError.ofErrno(closing.errno, closing.reason))
        return undefined
      }
      default:
        return undefined // a later daemon may say more than this version knows
    }
  }

  #onWelcome(welcome: Welcome | string): string | undefined {
    if (typeof welcome === 'string') return welcome
    if (this.#welcome !== undefined) return 'the daemon said WELCOME twice'
    this.#welcome = welcome
    this.#revision = welcome.revision
    this.targets.learn(welcome.domain, welcome.name)
    this.#pulse = new Pulse(welcome.pingIntervalMs, () =>
      this.#end(new V4vError('ETIMEDOUT', 'the daemon has not been heard of for too long')),
    )
    this.#opening?.(welcome)
    return undefined
  }

  #onEvent(event: EventFrame | undefined): void {
    if (event === undefined) return // of a kind that came later than this version
    const { kind, target, port, value } = event
    const domain = this.targets.nameOf(target)
    switch (kind) {
      case 'space':
        for (const flow of this.targets.flowsAt(target, port)) this.sender.onSpace(flow, value)
        return
      case 'room':
        for (const flow of this.targets.flowsAt(target, port)) this.sender.onRoom(flow, value)
        return
      case 'ring-up':
        for (const flow of this.targets.flowsAt(target, port)) this.sender.onRingUp(flow)
        this.#tell({ kind, domain, port })
        return
      case 'ring-down':
        for (const flow of this.targets.flowsAt(target, port)) this.sender.onRingDown(flow)
        if (domain === this.welcome.name) this.#rings.losePartnerRings(port)
        this.#tell({ kind, domain, port })
        return
      case 'domain-down':
        for (const flow of this.targets.flowsTo(target)) this.sender.onRingDown(flow)
        this.#tell({ kind, domain })
        return
      case 'policy-changed':
        this.#revision = value
        this.#tell({ kind, revision: value })
    }
  }

  #tell(status: Status): void {
    for (const feed of this.#feeds) feed.push(status)
  }

  #check(): void {
    if (this.#isOver) throw new V4vError('ECONNRESET', 'the session has ended')
  }
}
