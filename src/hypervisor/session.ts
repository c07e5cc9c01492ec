import type { Port } from '../abi/addr.js'
import type { Domain } from './domain.js'
import type { SessionSink } from './event.js'
import type { RingBuffer } from './ring-buffer.js'
import type { RingMemory } from './ring-memory.js'
import type { Ring } from './ring.js'
import type { RingWish } from './target.js'

/** Keeps sessions waiting for something besides a ring, and lets go of one that ends. */
export interface Hold {
  forget(session: Session): void
}

/**
 * One attached client of a domain, and everything that has to be undone when it goes: its rings
 * and the places where it is noted in those of others, so that its end costs only its own
 * entries.
 */
export class Session {
  readonly id: number
  readonly domain: Domain
  readonly sink: SessionSink
  /** Its rings by handle. */
  readonly rings = new Map<number, Ring>()
  /**
   * Memory that it sees of rings that were taken from it, by handle: it may still read there, until
   * it unregisters them.
   */
  readonly lostRings = new Map<number, RingBuffer>()
  /** The ports its rings have, with how many rings each. */
  readonly ports = new Map<Port, number>()
  /** Rings it waits for space in, or was told of space in and has not come back to. */
  readonly waitingFor = new Set<Ring>()
  /** Rings that refused it for want of space and that it has not gone back to. */
  readonly blockedOn = new Set<Ring>()
  /** Rings that have accepted something of it. */
  readonly sentTo = new Set<Ring>()
  /** What it wants to hear of that is not there yet. */
  readonly wishes = new Set<RingWish>()
  /** Where its rings lie from now on, as far as there is room; undefined: in the hypervisor's own. */
  ringMemory: RingMemory | undefined
  /** What else it waits for. */
  readonly holds = new Set<Hold>()
  /** What came into those of its rings that are gone. */
  datagramsReceived = 0
  bytesReceived = 0
  ended = false
  #lastHandle = 0

  constructor(id: number, domain: Domain, sink: SessionSink) {
    this.id = id
    this.domain = domain
    this.sink = sink
  }

  isBound(port: Port): boolean {
    return this.ports.has(port)
  }

  /** A handle that no ring of this session has, 1..0xFFFF. */
  nextHandle(): number {
    do this.#lastHandle = (this.#lastHandle % 0xffff) + 1
    while (this.rings.has(this.#lastHandle) || this.lostRings.has(this.#lastHandle))
    return this.#lastHandle
  }
}
