import {
  DOMID_ANY,
  isPort,
  PORT_ANY,
  PORT_EPHEMERAL_MAX,
  PORT_EPHEMERAL_MIN,
  PORT_NONE,
  type DomainId,
  type Port,
} from '../abi/addr.js'
import type { Limits } from '../abi/limits.js'
import { assert } from '../util/assert.js'
import type { Domain } from './domain.js'
import { refusal, type RegisterOutcome, type UnregisterOutcome } from './outcome.js'
import { ringLengthProblem } from './ring-buffer.js'
import { Ring, ringKey } from './ring.js'
import type { Session } from './session.js'

/** Asks for a ring. */
export interface RingRequest {
  /** PORT_NONE picks an ephemeral port. */
  readonly port: number
  /** The one domain that may send to it, or DOMID_ANY. */
  readonly partner: DomainId
  /** Bytes: 48..16 MiB - 64, a multiple of 16. */
  readonly length: number
  /** Refuse when this session has the ring already (Argo: XEN_ARGO_REGISTER_FLAG_FAIL_EXIST). */
  readonly failExist: boolean
}

/** Makes rings and takes them away, and keeps everyone told about it. */
export class RingRegistry {
  readonly #limits: Limits
  readonly #domainOf: (id: DomainId) => Domain | undefined
  readonly #onRemoved: (ring: Ring) => void
  #nextEphemeral: number

  /**
   * @param onRemoved called with a ring that is gone, for whoever else has something noted of it.
   * @param firstEphemeral the port of the ephemeral range that is picked first.
   */
  constructor(
    limits: Limits,
    domainOf: (id: DomainId) => Domain | undefined,
    onRemoved: (ring: Ring) => void,
    firstEphemeral = PORT_EPHEMERAL_MIN,
  ) {
    this.#limits = limits
    this.#domainOf = domainOf
    this.#onRemoved = onRemoved
    this.#nextEphemeral = firstEphemeral
  }

  /**
   * Registers a ring. (Argo: register_ring; but existence comes before limits here, so that a
   * domain at its limit can register again what it has.)
   *
   * The same ring again, by the same session and of the same length, is emptied and goes on, as
   * Argo does for a domain that comes back from hibernation; its offsets count on.
   *
   * @returns the ring, or EINVAL for a length or port that no ring has, ESRCH for a partner that
   *   is not there, ENOSPC at a limit, EEXIST for a ring this session has (with `failExist`, or
   *   of another length), EADDRINUSE for one that another session has, ECONNRESET for a session
   *   that has ended.
   */
  register(session: Session, request: RingRequest): RegisterOutcome {
    if (session.ended) return refusal('ECONNRESET')
    const { domain } = session
    const lengthProblem = ringLengthProblem(request.length)
    if (lengthProblem !== undefined) return refusal('EINVAL', lengthProblem)
    if (!isPort(request.port)) {
      return refusal('EINVAL', `a port is 0 to ${PORT_ANY - 1}, not ${request.port}`)
    }
    const partner = request.partner === DOMID_ANY ? undefined : this.#domainOf(request.partner)
    if (request.partner !== DOMID_ANY && partner === undefined) {
      return refusal('ESRCH', 'the partner is not a domain')
    }
    const port = (request.port === PORT_NONE ? this.#ephemeralPort(domain) : request.port) as Port

    const existing = domain.rings.get(ringKey(port, request.partner))
    if (existing !== undefined) return reregister(session, existing, request)
    const { ringsPerDomainMax, ringBytesPerDomainMax } = this.#limits
    if (domain.rings.size >= ringsPerDomainMax) {
      return refusal('ENOSPC', `a domain has at most ${ringsPerDomainMax} rings`)
    }
    if (domain.ringBytes + request.length > ringBytesPerDomainMax) {
      return refusal('ENOSPC', `a domain's rings have at most ${ringBytesPerDomainMax} bytes`)
    }

    const id = { domain: domain.id, port, partner: request.partner }
    const place = session.ringMemory?.take(request.length)
    const ring = new Ring(id, session.nextHandle(), session, request.length, place)
    domain.rings.set(ringKey(port, request.partner), ring)
    domain.ringBytes += ring.buffer.length
    session.rings.set(ring.handle, ring)
    session.ports.set(port, (session.ports.get(port) ?? 0) + 1)
    partner?.partnerRings.add(ring)
    return { ok: true, ring }
  }

  /**
   * Takes a ring away at its owner's wish, or the memory of one that was lost; ENOENT when the
   * session has none with that handle.
   */
  unregister(session: Session, handle: number): UnregisterOutcome {
    const lost = session.lostRings.get(handle)
    if (lost !== undefined) {
      session.lostRings.delete(handle)
      lost.release()
      return { ok: true }
    }
    const ring = session.rings.get(handle)
    if (ring === undefined) return refusal('ENOENT', `this session has no ring ${handle}`)
    this.remove(ring)
    ring.buffer.release()
    return { ok: true }
  }

  /**
   * Takes a ring away that its owner did not want to go. What is in memory that the owner sees can
   * still be read: it goes when the owner unregisters the ring.
   */
  lose(ring: Ring): void {
    const { owner, handle, buffer } = ring
    this.remove(ring)
    if (buffer.placeOffset !== undefined) owner.lostRings.set(handle, buffer)
  }

  /**
   * Takes a ring away and tells whoever waited for it, sent to it, or had datagrams from its port
   * when no other ring has that port. What was in it is gone: its owner is. Its memory, where the
   * owner sees it, stays as it is for as long as the session lasts, or the owner wants it.
   */
  remove(ring: Ring): void {
    const { owner, id } = ring
    const { domain } = owner
    const { port } = id
    domain.rings.delete(ringKey(port, id.partner))
    domain.ringBytes -= ring.buffer.length
    assert(domain.ringBytes >= 0, 'a domain gives back what its rings took')
    owner.rings.delete(ring.handle)
    owner.datagramsReceived += ring.datagrams
    owner.bytesReceived += ring.buffer.txOffset
    if (id.partner !== DOMID_ANY) this.#domainOf(id.partner)?.partnerRings.delete(ring)

    const told = concerned(ring)
    this.#onRemoved(ring)
    for (const session of told) {
      ring.waiters.remove(session)
      session.waitingFor.delete(ring)
      session.blockedOn.delete(ring)
      session.sentTo.delete(ring)
    }
    ring.blocked.clear()
    ring.senders.clear()
    const uses = owner.ports.get(port)! - 1
    if (uses > 0) {
      owner.ports.set(port, uses)
    } else {
      owner.ports.delete(port)
      for (const other of owner.sentTo) {
        if (other.senders.get(owner)!.delete(port)) told.add(other.owner)
      }
    }
    told.delete(owner)
    for (const session of told) {
      session.sink.event({ kind: 'ring-down', party: domain.party, port })
    }
  }

  /** The next port of the ephemeral range that the domain does not use; there is one, see below. */
  #ephemeralPort(domain: Domain): number {
    const used = new Set<number>()
    for (const ring of domain.rings.values()) used.add(ring.id.port)
    // A domain has far fewer rings than the range has ports, so this ends after few steps.
    for (;;) {
      const port = this.#nextEphemeral
      this.#nextEphemeral = port === PORT_EPHEMERAL_MAX ? PORT_EPHEMERAL_MIN : port + 1
      if (!used.has(port)) return port
    }
  }
}

/** The sessions that are noted with a ring: they wait for it, were refused by it, or sent to it. */
export function concerned({ waiters, blocked, limited, senders }: Ring): Set<Session> {
  return new Set([...waiters.sessions(), ...blocked, ...limited, ...senders.keys()])
}

function reregister(session: Session, ring: Ring, request: RingRequest): RegisterOutcome {
  if (ring.owner !== session) return refusal('EADDRINUSE')
  if (request.failExist) return refusal('EEXIST', 'this session has that ring')
  if (ring.buffer.length !== request.length) {
    return refusal('EEXIST', `that ring is ${ring.buffer.length} bytes long and is not resized`)
  }
  ring.share.release(ring.buffer.rxOffset, ring.buffer.txOffset)
  ring.buffer.flush()
  ring.givenOffset = ring.buffer.txOffset
  return { ok: true, ring }
}
