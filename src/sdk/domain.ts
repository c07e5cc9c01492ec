import { DOMID_ANY, isPort, parseDomainId, quote } from '../abi/addr.js'
import { NOTIFY_ENTRIES_MAX } from '../abi/limits.js'
import type { Connection } from './connection.js'
import type { Datagram } from './datagram.js'
import { withDeadline, type CallOptions } from './deadline.js'
import { V4vError } from './errors.js'
import { RequestPool } from './request-pool.js'
import { ringBytesOf } from './ring-bytes.js'
import { ringStatusOf, type RingQuery, type RingStatus } from './ring-status.js'
import { CLOSE_TIMEOUT_MS, type Ring, type SendOptions } from './ring.js'
import type { Status } from './status-feed.js'
import type { Destination } from './target-table.js'
import type { TransportKind } from './transport.js'

/** How a ring is registered. */
export interface BindOptions extends CallOptions {
  /** The one domain that may send to it, by name or number; any domain unless told. */
  readonly partner?: string | undefined
  /** Bytes, or text such as `64KiB`; 1 MiB unless told. */
  readonly size?: number | string | undefined
}

/** What the daemon lets a domain have. */
export interface DomainLimits {
  /** Rings of all its sessions together. */
  readonly rings: number
  /** The sum of their lengths. */
  readonly ringBytes: number
  /** A session that is not heard of for longer than two of these ends; the SDK sees to it. */
  readonly pingIntervalMs: number
}

export interface RequestOptions extends SendOptions {
  /** Length of the ring for the answer, 32 bytes more than that may have; 256 KiB unless told. */
  readonly size?: number | string | undefined
}

export interface NotifyOptions extends CallOptions {
  /** The port that policy is asked about; none unless told. */
  readonly sourcePort?: number | undefined
}

const RING_SIZE = '1MiB'
const ANSWER_RING_SIZE = '256KiB'
/** Nothing is received by a ring that only lends its port to Domain.send. */
const SEND_RING_SIZE = 64

/**
 * A domain's session with the daemon. When the session is lost, everything that was under way
 * fails with ECONNRESET and the reason as its cause; connecting again is the caller's business.
 */
export class Domain {
  readonly #connection: Connection
  readonly #requests: RequestPool
  #sendRing: Promise<Ring> | undefined
  #closing: Promise<void> | undefined

  /** Made by `connect`. */
  constructor(connection: Connection) {
    this.#connection = connection
    this.#requests = new RequestPool(signal => this.bind(0, { size: ANSWER_RING_SIZE, signal }))
  }

  /** The name under which the daemon knows the session. */
  get name(): string {
    return this.#connection.welcome.name
  }

  /** The domain's number. */
  get id(): number {
    return this.#connection.welcome.domain
  }

  /** The session's number. */
  get session(): number {
    return this.#connection.welcome.session
  }

  /** How the session reaches the daemon: `shared-memory` where both sides can and may. */
  get transport(): TransportKind {
    return this.#connection.transport
  }

  /** What the daemon lets the domain have. */
  get limits(): DomainLimits {
    const { ringsMax, ringBytesMax, pingIntervalMs } = this.#connection.welcome
    return { rings: ringsMax, ringBytes: ringBytesMax, pingIntervalMs }
  }

  /** Revision of the policy in force. */
  get revision(): number {
    return this.#connection.revision
  }

  /** Settles when the session has ended: with the reason, when it was not closed from here. */
  get closed(): Promise<V4vError | undefined> {
    return this.#connection.closed
  }

  /**
   * Registers a ring.
   * @param port 0..0xFFFFFFFE; 0 picks an ephemeral one.
   * @throws V4vError EADDRINUSE, EEXIST, EINVAL, ENOSPC, ESRCH (no such partner).
   */
  async bind(port: number, options: BindOptions = {}): Promise<Ring> {
    if (!isPort(port)) throw new V4vError('EINVAL', `${quote(String(port))} is not a port`)
    const { partner, size } = options
    const request = {
      port,
      partner: partner === undefined ? DOMID_ANY : this.#connection.targets.handleOf(partner),
      ringBytes: ringBytesOf(size ?? RING_SIZE),
      failExist: true,
    }
    return this.#connection.register(request, partner !== undefined, options)
  }

  /** Sends one message from an ephemeral port that no answer is read from; see Ring.send. */
  async send(to: Destination, bytes: Uint8Array, options: SendOptions = {}): Promise<void> {
    this.#sendRing ??= this.bind(0, { size: SEND_RING_SIZE })
    const bound = this.#sendRing
    bound.catch(() => (this.#sendRing = undefined)) // the next call tries again
    const ring = await withDeadline<Ring>(options, (resolve, reject) => {
      bound.then(resolve, reject)
      return undefined
    })
    await ring.send(to, bytes, options)
  }

  /**
   * Sends one message and waits for the answer: the first datagram that comes from the very
   * address asked, to an ephemeral port that no other request uses. A port is used again only
   * after its request was answered, so that a late answer can't be taken for another's; an
   * address that answers one request twice can still confuse the next one.
   * @throws V4vError as Ring.send does, ETIMEDOUT when no answer came in time; AbortError.
   */
  request(to: Destination, bytes: Uint8Array, options: RequestOptions = {}): Promise<Datagram> {
    const { signal, timeoutMs, ...rest } = options
    return withDeadline<Datagram>({ signal, timeoutMs }, (resolve, reject) => {
      const controller = new AbortController()
      this.#request(to, bytes, { ...rest, signal: controller.signal }).then(resolve, reject)
      return () => controller.abort()
    })
  }

  /**
   * Asks about rings without sending anything; where there is not enough space, a message to
   * that address goes on by itself when there is.
   * @returns one status per query, in their order.
   * @throws V4vError EINVAL for more than 256 queries.
   */
  async notify(queries: readonly RingQuery[], options: NotifyOptions = {}): Promise<RingStatus[]> {
    if (queries.length > NOTIFY_ENTRIES_MAX) {
      throw new V4vError('EINVAL', `one notify has at most ${NOTIFY_ENTRIES_MAX} entries`)
    }
    const entries = queries.map(({ to, spaceRequired, wantRing }) => {
      const { target, port } = this.#connection.targets.flow(to)
      return { target, port, spaceRequired: spaceRequired ?? 0, wantRing: wantRing ?? false }
    })
    const answers = await this.#connection.notify(entries, options.sourcePort ?? 0, options)
    return answers.map(ringStatusOf)
  }

  /**
   * Tells what happens to the session from now on, beginning with `connected` and ending with
   * `closed`. Of what is not read the last 256 entries are kept; `lost` tells of the others.
   */
  status(): AsyncIterableIterator<Status, undefined> {
    return this.#connection.feed()
  }

  /**
   * Waits until the daemon has decided all messages that were taken, 5 s unless `timeoutMs` says
   * otherwise, and ends the session. What was not decided by then fails with ECONNRESET.
   */
  close(options: { readonly timeoutMs?: number | undefined } = {}): Promise<void> {
    this.#closing ??= this.#connection.close(options.timeoutMs ?? CLOSE_TIMEOUT_MS)
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #request(
    to: Destination,
    bytes: Uint8Array,
    options: Omit<RequestOptions, 'timeoutMs'> & { readonly signal: AbortSignal },
  ): Promise<Datagram> {
    const { signal, size } = options
    const flow = this.#connection.targets.flow(to)
    const number = parseDomainId(flow.key.slice(0, flow.key.lastIndexOf(':')))
    const domain = this.#connection.targets.nameOf(flow.target)
    const isAnswer = ({ source, sourceId }: Datagram): boolean =>
      source.port === flow.port &&
      (number === undefined ? source.domain === domain : sourceId === number)

    const own = size === undefined ? undefined : await this.bind(0, { size, signal })
    const ring = own ?? (await this.#requests.take(signal))
    let answer: Datagram | undefined
    try {
      await ring.send(to, bytes, options)
      answer = await ring.receiveWhere(isAnswer, { signal })
      return answer
    } finally {
      if (own !== undefined) own.close().catch(() => undefined)
      else if (answer === undefined) this.#requests.discard(ring)
      else this.#requests.give(ring)
    }
  }
}
