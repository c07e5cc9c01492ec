import type { DomainId, Port, RingId } from '../abi/addr.js'
import { SLOT_BYTES } from '../abi/limits.js'
import { RingBuffer } from './ring-buffer.js'
import type { RingPlace } from './ring-memory.js'
import { RingShare } from './ring-share.js'
import type { Session } from './session.js'
import { WaiterQueue } from './waiter-queue.js'

/** A registered ring: whose it is, who may send to it, its bytes, and everyone it concerns. */
export class Ring {
  readonly id: RingId
  readonly owner: Session
  readonly buffer: RingBuffer
  readonly share: RingShare
  readonly waiters = new WaiterQueue()
  /** Sessions with bytes accepted by this ring, each with the ports of its own it sent from. */
  readonly senders = new Map<Session, Set<Port>>()
  /** Sessions that were refused for want of space and have not gone back to it. */
  readonly blocked = new Set<Session>()
  /** Sessions that wait for tokens or a quota of the rule by which they send to it. */
  readonly limited = new Set<Session>()
  /** Names the ring within its session. */
  readonly handle: number
  datagrams = 0
  /** Up to where the owner has been given the bytes; only that much it can consume. */
  givenOffset = 0

  /** @param place where it lies; undefined: in memory of the hypervisor's own. */
  constructor(id: RingId, handle: number, owner: Session, length: number, place?: RingPlace) {
    this.id = id
    this.handle = handle
    this.owner = owner
    this.buffer = new RingBuffer(length, place)
    this.share = new RingShare(length - SLOT_BYTES)
  }
}

/** The key of a ring among its owner's: 32 bits of port and 16 of partner fit a double exactly. */
export function ringKey(port: Port, partner: DomainId): number {
  return port * 0x10000 + partner
}
