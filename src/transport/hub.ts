import type { EndReason } from '../abi/end-reason.js'
import type { Domain } from '../hypervisor/domain.js'
import type { Hypervisor } from '../hypervisor/hypervisor.js'
import type { Party } from '../hypervisor/event.js'
import type { EndRecord, Remote, SessionEnd } from '../hypervisor/session-end.js'
import type { Native } from '../native/native.js'
import type { Polling } from '../native/poller.js'
import { assert } from '../util/assert.js'
import type { Clock } from '../util/clock.js'
import { Connection } from './connection.js'
import type { Link, LinkKind } from './link.js'
import { LinkWatch } from './link-watch.js'
import { SharedSegments } from './shared-segment.js'

/** Whom a token or socket belongs to. */
export type Admission =
  | {
      readonly ok: true
      readonly domain: Domain
      readonly tokenId: number | undefined
      /** When it ends; milliseconds since the epoch. */
      readonly expiresAt: number | undefined
    }
  | NotAdmitted

/** Why a client is not let in, and who it is as far as it has proved that. */
export interface NotAdmitted extends SessionEnd {
  readonly ok: false
  readonly domain?: Party | undefined
  readonly tokenId?: number | undefined
}

/**
 * Decides who a client is.
 * @param token empty where the client has none.
 * @param socketDomain the domain whose own socket it came in by, if it did.
 */
export type Admit = (token: string, socketDomain: string | undefined) => Admission

export interface HubOptions {
  readonly hypervisor: Hypervisor
  readonly clock: Clock
  readonly admit: Admit
  /** Told of each session that ends, and of each attempt that comes to nothing. */
  readonly onEnd: (end: EndRecord) => void
  readonly native?: Native | undefined
  /** Whether memory is shared with clients, where that can be done. */
  readonly sharesMemory?: boolean | undefined
  /** For how long more is looked for after something came; undefined: not at all. */
  readonly polling?: Polling | undefined
}

/** A session as an admin sees it. */
export interface SessionInfo {
  readonly id: number
  readonly domain: string
  readonly transport: LinkKind
  readonly agent: string
  readonly connectedAt: number
  readonly rings: number
}

/** What a client is told that `connect` does not take in. */
export const TURNED_AWAY = 'too many clients that have not said who they are, or the daemon stops'

const SHUTTING_DOWN = 'the daemon is shutting down'

const NO_POLLING: Polling = { us: 0, yieldProcessor: () => undefined }

/** How long a client that was told to go may take to be gone. */
const END_TIMEOUT_MS = 1_000

/**
 * All connections. It gives each operation its turn: what a turn leaves to be written, to however
 * many clients, is written when it ends, with one write a client.
 */
export class Hub {
  readonly hypervisor: Hypervisor
  readonly clock: Clock
  readonly admit: Admit
  /** Keeps a record of an end. */
  readonly ended: (end: EndRecord) => void
  /** The system calls that Node has not, where they are to be had. */
  readonly native: Native | undefined
  readonly segments: SharedSegments
  readonly watch: LinkWatch
  readonly #connections = new Set<Connection>()
  readonly #strangers = new Map<Connection, NodeJS.Timeout>()
  /** How many of them came by a domain's own socket. */
  readonly #strangersOf = new Map<string, number>()
  readonly #partialBytes = new WeakMap<Domain, number>()
  readonly #pings: NodeJS.Timeout
  #queued: Connection[] = []
  #later: (() => void)[] = []
  #isInTurn = false
  #isScheduled = false
  #isClosing = false

  constructor(options: HubOptions) {
    this.hypervisor = options.hypervisor
    this.clock = options.clock
    this.admit = options.admit
    this.ended = options.onEnd
    this.native = options.native
    const sharing = options.sharesMemory === false ? undefined : options.native
    this.segments = new SharedSegments(sharing, options.hypervisor.limits)
    this.watch = new LinkWatch(options.polling ?? NO_POLLING)
    this.#pings = setInterval(() => {
      const now = this.clock.now()
      for (const connection of this.#connections) {
        // Who has not said who it is has its own time, and is to hear of that.
        if (!this.#strangers.has(connection)) connection.ping(now)
      }
    }, options.hypervisor.limits.pingIntervalMs)
    this.#pings.unref()
  }

  /**
   * Takes in a client that has just connected.
   * @returns its connection, or undefined when there are too many and it must be turned away.
   */
  connect(link: Link, socketDomain?: string): Connection | undefined {
    const { authenticationTimeoutMs } = this.hypervisor.limits
    const end = this.#isClosing
      ? { reason: 'shutdown' as const, detail: SHUTTING_DOWN }
      : this.#tooManyStrangers(socketDomain)
    if (end !== undefined) {
      const domain = socketDomain && this.hypervisor.domainNamed(socketDomain)
      this.refused(link.kind, link.remote ?? {}, end, domain ? domain.party : undefined)
      return undefined
    }
    const connection = new Connection(this, link, socketDomain)
    this.#connections.add(connection)
    const timer = setTimeout(() => {
      // After a stall of this process timers come first: what waits to be read is read before.
      setImmediate(() => {
        if (!this.#strangers.has(connection)) return
        connection.fail({
          reason: 'hello-late',
          detail: `no HELLO within ${authenticationTimeoutMs} ms`,
          limit: authenticationTimeoutMs,
          used: this.clock.now() - connection.connectedAt,
        })
      })
    }, authenticationTimeoutMs)
    this.#strangers.set(connection, timer)
    if (socketDomain !== undefined) this.#countStranger(socketDomain, 1)
    return connection
  }

  authenticated(connection: Connection): void {
    clearTimeout(this.#strangers.get(connection))
    if (!this.#strangers.delete(connection)) return
    if (connection.socketDomain !== undefined) this.#countStranger(connection.socketDomain, -1)
  }

  forget(connection: Connection): void {
    this.authenticated(connection)
    this.#connections.delete(connection)
  }

  /** Sees to it that a client that was told to go does. */
  expectEnd(connection: Connection): void {
    this.authenticated(connection)
    setTimeout(() => {
      if (this.#connections.has(connection)) connection.link.destroy()
    }, END_TIMEOUT_MS).unref()
  }

  /** Does something that may leave clients with something to be written, then writes it. */
  turn(work: () => void): void {
    if (this.#isInTurn) {
      work()
      return
    }
    this.#isInTurn = true
    try {
      work()
    } finally {
      this.#isInTurn = false
      this.#flush()
    }
  }

  /** This client has something to be written: at the end of the turn, or soon outside of one. */
  queue(connection: Connection): void {
    this.#queued.push(connection)
    this.#schedule()
  }

  /** Does something at the end of the turn, when no operation is under way. */
  later(work: () => void): void {
    this.#later.push(work)
    this.#schedule()
  }

  /**
   * Counts bytes of frames that are not whole against their domain.
   * @returns nothing, or why so many are not kept.
   */
  chargePartial(domain: Domain, delta: number): SessionEnd | undefined {
    const used = (this.#partialBytes.get(domain) ?? 0) + delta
    const limit = this.hypervisor.limits.partialFrameBytesPerDomainMax
    if (delta > 0 && used > limit) {
      const detail = 'too many bytes of frames that are not whole'
      return { reason: 'frames-unfinished', detail, limit, used }
    }
    assert(used >= 0, 'what is given back was counted')
    this.#partialBytes.set(domain, used)
    return undefined
  }

  /** Keeps a record of a client that did not get as far as a connection of its own. */
  refused(transport: LinkKind, remote: Remote, end: SessionEnd, domain?: Party): void {
    const nothing = { livedMs: 0, datagramsSent: 0, datagramsReceived: 0, bytesReceived: 0 }
    this.ended({ ...end, transport, remote, domain, ...nothing })
  }

  /** Who can open nothing but the socket of one domain keeps nobody else out. */
  #tooManyStrangers(socketDomain: string | undefined): SessionEnd | undefined {
    const { connectionsUnauthenticatedMax, connectionsUnauthenticatedPerDomainMax } =
      this.hypervisor.limits
    const end = { reason: 'turned-away', detail: TURNED_AWAY } as const
    const used = this.#strangers.size
    if (used >= connectionsUnauthenticatedMax) {
      return { ...end, limit: connectionsUnauthenticatedMax, used }
    }
    const ofDomain = socketDomain === undefined ? 0 : (this.#strangersOf.get(socketDomain) ?? 0)
    if (ofDomain < connectionsUnauthenticatedPerDomainMax) return undefined
    const detail = `${TURNED_AWAY}, by the socket of one domain`
    return { ...end, detail, limit: connectionsUnauthenticatedPerDomainMax, used: ofDomain }
  }

  #countStranger(socketDomain: string, delta: 1 | -1): void {
    const count = (this.#strangersOf.get(socketDomain) ?? 0) + delta
    if (count === 0) this.#strangersOf.delete(socketDomain)
    else this.#strangersOf.set(socketDomain, count)
  }

  get connectionCount(): number {
    return this.#connections.size
  }

  /** Clients that have not said who they are. */
  get strangerCount(): number {
    return this.#strangers.size
  }

  sessions(): SessionInfo[] {
    const infos: SessionInfo[] = []
    for (const { session, link, agent, connectedAt } of this.#connections) {
      if (session === undefined || session.ended) continue
      infos.push({
        id: session.id,
        domain: session.domain.name,
        transport: link.kind,
        agent,
        connectedAt,
        rings: session.rings.size,
      })
    }
    return infos
  }

  /** Ends the sessions that a token let in. */
  endToken(tokenId: number, reason: EndReason, detail: string): number {
    const ended = [...this.#connections].filter(connection => connection.tokenId === tokenId)
    this.turn(() => {
      for (const connection of ended) connection.fail({ reason, detail })
    })
    return ended.length
  }

  /** Ends the sessions that a token let in at the first ping after that time. */
  expireToken(tokenId: number, expiresAt: number): void {
    for (const connection of this.#connections) {
      if (connection.tokenId === tokenId) connection.expireBy(expiresAt)
    }
  }

  /** Tells every client that this is the end, and waits for them to go, for a second at most. */
  async close(): Promise<void> {
    this.#isClosing = true
    clearInterval(this.#pings)
    for (const connection of [...this.#connections]) {
      connection.fail({ reason: 'shutdown', detail: SHUTTING_DOWN })
    }
    const deadline = performance.now() + END_TIMEOUT_MS
    while (this.#connections.size > 0 && performance.now() < deadline) {
      await new Promise(resolve => setTimeout(resolve, 10))
    }
    for (const connection of [...this.#connections]) connection.link.destroy()
    this.watch.stop()
  }

  #schedule(): void {
    if (this.#isInTurn || this.#isScheduled) return
    this.#isScheduled = true
    queueMicrotask(() => {
      this.#isScheduled = false
      this.#flush()
    })
  }

  #flush(): void {
    while (this.#queued.length > 0 || this.#later.length > 0) {
      const queued = this.#queued
      const later = this.#later
      this.#queued = []
      this.#later = []
      for (const work of later) work()
      for (const connection of queued) connection.flush()
    }
  }
}
