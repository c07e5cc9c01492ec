import { DOMID_ANY, type DomainId, type Port } from '../abi/addr.js'
import type { Subject } from '../policy/subject.js'
import type { Party } from './event.js'
import { ringKey, type Ring } from './ring.js'
import type { Session } from './session.js'
import { noneUndelivered } from './undelivered.js'

/** Counts of what a domain did since the daemon started. */
export interface DomainCounters {
  datagramsSent: number
  bytesSent: number
  datagramsReceived: number
  bytesReceived: number
  datagramsRefused: number
  datagramsDropped: number
}

/** A domain that may have sessions: who it is, its rings, and those made for it by others. */
export class Domain {
  readonly id: DomainId
  readonly name: string
  /** As policy sees it; a new object when its tags change. */
  subject: Subject
  readonly sessions = new Set<Session>()
  /** Its rings by port and partner. */
  readonly rings = new Map<number, Ring>()
  /** Rings of other domains that have this one as their only partner. */
  readonly partnerRings = new Set<Ring>()
  ringBytes = 0
  /** Names that its sessions have given handles to. */
  namesHeld = 0
  /** Audit mode: what policy would refuse of it, or to it, is delivered. */
  isAudited = false
  readonly counters: DomainCounters = {
    datagramsSent: 0,
    bytesSent: 0,
    datagramsReceived: 0,
    bytesReceived: 0,
    datagramsRefused: 0,
    datagramsDropped: 0,
  }
  readonly undelivered = noneUndelivered()
  /** When a session of it began or ended last; milliseconds since the epoch, 0 for never. */
  lastSeenAt = 0

  constructor(id: DomainId, name: string, tags: readonly string[]) {
    this.id = id
    this.name = name
    this.subject = { name, tags }
  }

  get party(): Party {
    return { name: this.name, id: this.id }
  }

  /**
   * The ring that a datagram from `sender` to `port` goes to: the one made for that sender, else
   * the wildcard one. (Argo: find_ring_info_by_match.) A full exact ring is not passed over.
   */
  matchRing(port: Port, sender: DomainId): Ring | undefined {
    return this.rings.get(ringKey(port, sender)) ?? this.rings.get(ringKey(port, DOMID_ANY))
  }
}
