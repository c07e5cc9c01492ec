import type { Job } from '../protocol.js'
import type { Fail, Part } from './part.js'
import { RoundTrips } from './round-trips.js'
import { SequenceCheck, Stamp } from './stamp.js'

/** What comes of a connection to a peer. */
export interface PeerHandlers {
  /** A datagram of the other client; the bytes are good until this returns. */
  onDatagram(bytes: Uint8Array): void
  /** The other client has so many datagrams, counted from the first. */
  onCredit(datagrams: number): void
  /** `isWritable` may be true again. */
  onWritable(): void
  readonly fail: Fail
}

/** A client's connection to a system that v4vd is compared with. */
export interface PeerLink {
  /**
   * Sends one datagram to the other client.
   * @param bytes not to be written to before they have arrived there or, with back-pressure of its
   *   own, `slots` more are sent.
   * @returns what is to be waited for before the next, if something is.
   */
  send(bytes: Uint8Array): Promise<void> | void
  /** How the peer keeps a sender from being too fast for the receiver. */
  readonly flow: OwnFlow | CreditFlow
}

/** It has back-pressure of its own. */
export interface OwnFlow {
  readonly kind: 'own'
  /** False while it would rather have nothing more. */
  isWritable(): boolean
  /** How many datagrams of this size it may hold on to. */
  readonly slots: number
}

/**
 * It has none, or none that loses nothing: the receiver tells the sender how much it has, through
 * the peer, as programs on such a system have to.
 */
export interface CreditFlow {
  readonly kind: 'credit'
  /** Datagrams that may be on the way. */
  readonly window: number
  sendCredit(datagrams: number): void
}

export type ConnectPeer = (job: Job, handlers: PeerHandlers) => Promise<PeerLink>

/** How many times in a window a receiver tells what it has. */
const CREDITS_PER_WINDOW = 8

/** A window of as many bytes as a ring of v4vd's trials holds, but not of more datagrams than this. */
export function windowOf(job: Job, bytes: number, datagramsMax: number): number {
  return Math.max(8, Math.min(datagramsMax, Math.floor(bytes / job.payloadBytes)))
}

/** A count as the payload of a message. */
export function creditBytes(datagrams: number): Buffer {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeUInt32LE(datagrams)
  return bytes
}

/** Subjects, channels or topics: those that this client reads, and those that the other does. */
export function namesOf(job: Job): Record<'inbox' | 'outbox' | 'creditIn' | 'creditOut', string> {
  const [here, there] = job.part === 'source' ? ['source', 'sink'] : ['sink', 'source']
  return {
    inbox: `bench-${here}`,
    outbox: `bench-${there}`,
    creditIn: `credit-${here}`,
    creditOut: `credit-${there}`,
  }
}

/** A part of a trial on a peer. */
export async function peerPart(connect: ConnectPeer, job: Job, fail: Fail): Promise<Part> {
  const isSource = job.part === 'source'
  const part =
    job.measure === 'throughput'
      ? isSource
        ? new Source(job, fail)
        : new Sink(job, fail)
      : isSource
        ? new Ping(job, fail)
        : new Echo(fail)
  part.begin(await connect(job, part))
  return part
}

/** What a part does not care for. */
abstract class PeerPart implements Part, PeerHandlers {
  readonly fail: Fail

  constructor(fail: Fail) {
    this.fail = fail
  }

  abstract readonly datagrams: number
  abstract begin(link: PeerLink): void

  onDatagram(_bytes: Uint8Array): void {
    this.fail('a datagram came that nobody waits for')
  }

  onCredit(_datagrams: number): void {}
  onWritable(): void {}
}

/** Sends as much as goes. */
class Source extends PeerPart {
  readonly #payloadBytes: number
  #stamp: Stamp
  #link: PeerLink | undefined
  #arrived = 0
  #isScheduled = false
  #isRunning = false

  constructor(job: Job, fail: Fail) {
    super(fail)
    this.#payloadBytes = job.payloadBytes
    this.#stamp = new Stamp(job.payloadBytes)
  }

  get datagrams(): number {
    return this.#stamp.seq
  }

  begin(link: PeerLink): void {
    const { flow } = link
    const slots = flow.kind === 'own' ? flow.slots : flow.window + 1
    this.#stamp = new Stamp(this.#payloadBytes, slots)
    this.#link = link
  }

  start(): void {
    this.#isRunning = true
    this.onWritable()
  }

  stop(): void {
    this.#isRunning = false
  }

  override onCredit(datagrams: number): void {
    this.#arrived = datagrams
    this.onWritable()
  }

  override onWritable(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(this.#pump)
  }

  readonly #pump = (): void => {
    this.#isScheduled = false
    const sent = this.#sendSome()
    if (sent === undefined) return
    this.#isScheduled = true
    sent.then(this.#pump, (error: unknown) => this.fail(`nothing can be sent: ${String(error)}`))
  }

  /** @returns what is to be waited for before going on, if something is. */
  #sendSome(): Promise<void> | void {
    const link = this.#link
    const stamp = this.#stamp
    while (link !== undefined && this.#isRunning && this.#mayFollow(link)) {
      const sent = link.send(stamp.bytes)
      stamp.advance()
      if (sent !== undefined) return sent
    }
  }

  #mayFollow({ flow }: PeerLink): boolean {
    if (flow.kind === 'own') return flow.isWritable()
    return this.#stamp.seq - this.#arrived < flow.window
  }
}

class Sink extends PeerPart {
  readonly #check: SequenceCheck
  #link: PeerLink | undefined
  #creditEvery = Infinity
  #credited = 0

  constructor(job: Job, fail: Fail) {
    super(fail)
    this.#check = new SequenceCheck(job.payloadBytes, job.touch, fail)
  }

  get datagrams(): number {
    return this.#check.count
  }

  begin(link: PeerLink): void {
    this.#link = link
    const { flow } = link
    if (flow.kind === 'credit') this.#creditEvery = Math.ceil(flow.window / CREDITS_PER_WINDOW)
  }

  override onDatagram(bytes: Uint8Array): void {
    const check = this.#check
    check.take(bytes, 0, bytes.length)
    if (check.count - this.#credited < this.#creditEvery) return
    const flow = this.#link?.flow
    if (flow?.kind !== 'credit') return
    this.#credited = check.count
    flow.sendCredit(check.count)
  }
}

/** Sends one datagram after the other, each when the one before is back. */
class Ping extends PeerPart {
  readonly #stamp: Stamp
  readonly #check: SequenceCheck
  readonly #trips = new RoundTrips()
  #link: PeerLink | undefined
  #isRunning = false
  #isUnderWay = false

  constructor(job: Job, fail: Fail) {
    super(fail)
    this.#stamp = new Stamp(job.payloadBytes)
    this.#check = new SequenceCheck(job.payloadBytes, job.touch, fail)
  }

  get datagrams(): number {
    return this.#check.count
  }

  begin(link: PeerLink): void {
    this.#link = link
  }

  takeLatency(): ReturnType<RoundTrips['take']> {
    return this.#trips.take()
  }

  start(): void {
    this.#isRunning = true
    this.#send()
  }

  stop(): void {
    this.#isRunning = false
  }

  override onDatagram(bytes: Uint8Array): void {
    this.#trips.arrive()
    this.#isUnderWay = false
    this.#check.take(bytes, 0, bytes.length)
    this.#stamp.advance()
    this.#send()
  }

  #send(): void {
    if (!this.#isRunning || this.#isUnderWay) return
    this.#isUnderWay = true
    this.#trips.leave()
    void this.#link?.send(this.#stamp.bytes)
  }
}

/** Sends back what comes. */
class Echo extends PeerPart {
  #link: PeerLink | undefined
  #datagrams = 0

  get datagrams(): number {
    return this.#datagrams
  }

  begin(link: PeerLink): void {
    this.#link = link
  }

  override onDatagram(bytes: Uint8Array): void {
    this.#datagrams++
    void this.#link?.send(bytes)
  }
}
