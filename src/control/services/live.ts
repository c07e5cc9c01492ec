import { DOMID_ANY } from '../../abi/addr.js'
import type { Hypervisor } from '../../hypervisor/hypervisor.js'
import type { Ring } from '../../hypervisor/ring.js'
import type { Session } from '../../hypervisor/session.js'
import type { Store } from '../../store/store.js'
import type { Clock } from '../../util/clock.js'
import {
  noneUndelivered,
  UNDELIVERED_REASONS,
  type UndeliveredCounts,
} from '../../hypervisor/undelivered.js'
import type { DomainCounts, UndeliveredView } from '../schemas/domain.js'
import type { RingQuery, RingView } from '../schemas/ring.js'
import type { SessionView } from '../schemas/session.js'
import type { Stats, StatsQuery } from '../schemas/stats.js'
import type { Tally } from './tally.js'

/** What is known of a session's client. */
export interface ClientInfo {
  /** The session's. */
  readonly id: number
  /** How it is connected. */
  readonly transport: string
  /** What it calls itself. */
  readonly agent: string
  /** Milliseconds since the Unix epoch. */
  readonly connectedAt: number
}

/** What is in the hypervisor now: nothing of it is stored. */
export class LiveService {
  readonly #hypervisor: Hypervisor
  readonly #store: Store
  readonly #tally: Tally
  readonly #clock: Clock
  readonly #startedAt: number
  readonly #clients: () => readonly ClientInfo[]

  constructor(
    hypervisor: Hypervisor,
    store: Store,
    tally: Tally,
    clock: Clock,
    clients: () => readonly ClientInfo[],
  ) {
    this.#hypervisor = hypervisor
    this.#store = store
    this.#tally = tally
    this.#clock = clock
    this.#startedAt = clock.now()
    this.#clients = clients
  }

  /** The rings there are, of one domain or of all; or the fullest of these. */
  rings({ domain, fullest }: RingQuery = {}): RingView[] {
    const rings = this.#sessionsOf(domain).flatMap(session => [...session.rings.values()])
    if (fullest !== undefined) {
      rings.sort((a, b) => fillOf(b) - fillOf(a) || b.waiters.size - a.waiters.size)
      rings.length = Math.min(rings.length, fullest)
    }
    return rings.map(ring => this.#ringView(ring))
  }

  /** The sessions there are, of one domain or of all. */
  sessions(domain?: string): SessionView[] {
    const clients = new Map(this.#clients().map(client => [client.id, client]))
    return this.#sessionsOf(domain).map(session => ({
      id: session.id,
      transport: clients.get(session.id)?.transport ?? null,
      agent: clients.get(session.id)?.agent ?? null,
      connectedAt: clients.get(session.id)?.connectedAt ?? null,
      domain: session.domain.name,
      domainId: session.domain.id,
      ports: [...session.ports.keys()].toSorted((a, b) => a - b),
      rings: session.rings.size,
      ringsSentTo: session.sentTo.size,
      ringsWaitedFor: session.waitingFor.size,
    }))
  }

  /** Everything that is counted; others get their turn before. */
  async stats({ seenSince = 0 }: StatsQuery = {}): Promise<Stats> {
    await this.#tally.settle()
    const { policy } = this.#hypervisor
    const undelivered = noneUndelivered().from
    const totals: DomainCounts = {
      datagramsSent: 0,
      bytesSent: 0,
      datagramsReceived: 0,
      bytesReceived: 0,
      datagramsRefused: 0,
      datagramsDropped: 0,
    }
    const stats: Stats = {
      at: this.#clock.now(),
      revision: policy.revision,
      startedAt: this.#startedAt,
      rules: policy.list.length,
      sessions: 0,
      rings: 0,
      ringBytes: 0,
      ringBytesUsed: 0,
      waiters: 0,
      verdicts: this.#tally.totals(),
      retired: this.#tally.retired(),
      store: this.#store.size(),
      totals,
      undelivered: {},
      domains: [],
    }
    for (const domain of this.#hypervisor.domains()) {
      const { id, name, counters } = domain
      const sessions = domain.sessions.size
      if (sessions > 0 || domain.lastSeenAt >= seenSince) {
        stats.domains.push({ id, name, sessions, counters: { ...counters } })
      }
      stats.sessions += sessions
      stats.rings += domain.rings.size
      stats.ringBytes += domain.ringBytes
      for (const ring of domain.rings.values()) {
        stats.ringBytesUsed += ring.buffer.usedBytes
        stats.waiters += ring.waiters.size
      }
      totals.datagramsSent += counters.datagramsSent
      totals.bytesSent += counters.bytesSent
      totals.datagramsReceived += counters.datagramsReceived
      totals.bytesReceived += counters.bytesReceived
      totals.datagramsRefused += counters.datagramsRefused
      totals.datagramsDropped += counters.datagramsDropped
      if (counters.datagramsRefused + counters.datagramsDropped > 0) {
        addUndelivered(undelivered, domain.undelivered.from)
      }
    }
    stats.undelivered = undeliveredView(undelivered)
    return stats
  }

  #sessionsOf(domain: string | undefined): Session[] {
    if (domain === undefined) return [...this.#hypervisor.sessions()]
    return [...(this.#hypervisor.domainNamed(domain)?.sessions ?? [])]
  }

  #ringView(ring: Ring): RingView {
    const { owner, buffer, id } = ring
    const partner = id.partner === DOMID_ANY ? '*' : this.#hypervisor.domain(id.partner)?.name
    return {
      domain: owner.domain.name,
      domainId: owner.domain.id,
      port: id.port,
      partner: partner ?? String(id.partner),
      session: owner.id,
      handle: ring.handle,
      length: buffer.length,
      usedBytes: buffer.usedBytes,
      receivedOffset: buffer.txOffset,
      consumedOffset: buffer.rxOffset,
      datagrams: ring.datagrams,
      senders: ring.senders.size,
      waiters: ring.waiters.size,
    }
  }
}

/** What of it did happen. */
export function undeliveredView(counts: UndeliveredCounts): UndeliveredView {
  const view: UndeliveredView = {}
  for (const reason of UNDELIVERED_REASONS) {
    if (counts[reason] > 0) view[reason] = counts[reason]
  }
  return view
}

function addUndelivered(sum: UndeliveredCounts, counts: UndeliveredCounts): void {
  for (const reason of UNDELIVERED_REASONS) sum[reason] += counts[reason]
}

function fillOf({ buffer }: Ring): number {
  return buffer.usedBytes / buffer.length
}
