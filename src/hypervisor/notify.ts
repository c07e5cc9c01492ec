import { DOMID_ANY, type Port } from '../abi/addr.js'
import type { ErrorCode } from '../abi/errno.js'
import { NOTIFY_ENTRIES_MAX, type Limits } from '../abi/limits.js'
import { messageSlotsBytes } from '../abi/message.js'
import { RING_FLAG } from '../abi/ring-flag.js'
import type { Admission } from './admission.js'
import type { Domain } from './domain.js'
import { refusal, type Refusal } from './outcome.js'
import type { PolicyGate } from './policy-gate.js'
import type { RingSpace } from './ring-space.js'
import type { Ring } from './ring.js'
import type { Session } from './session.js'
import type { RingWish, Target } from './target.js'

/** Asks about the ring that a datagram to `target` and `port` would go to. */
export interface RingQuery {
  readonly target: Target
  readonly port: Port
  /** Payload bytes of the message that should fit. */
  readonly spaceRequired: number
  /** Say `ring-up` when a ring appears, if there is none. */
  readonly wantRing: boolean
}

/** The answer to a RingQuery. */
export interface RingStatus {
  /** Bits of RING_FLAG; EXISTS without SUFFICIENT, EMSGSIZE or EBUSY means a `space` event follows. */
  readonly flags: number
  readonly maxMessageBytes: number
  /** Payload bytes that fit now. */
  readonly spaceBytes: number
  /** Why nothing is known, or null. */
  readonly code: ErrorCode | null
}

/** Answers what sessions ask about rings, and tells them of rings that they asked for. */
export class Notifier {
  readonly #gate: PolicyGate
  readonly #admission: Admission
  readonly #space: RingSpace
  readonly #limits: Limits
  readonly #release: (target: Target) => void

  /** @param release gives back a target that a wish held. */
  constructor(
    gate: PolicyGate,
    admission: Admission,
    space: RingSpace,
    limits: Limits,
    release: (target: Target) => void,
  ) {
    this.#gate = gate
    this.#admission = admission
    this.#space = space
    this.#limits = limits
    this.#release = release
  }

  /**
   * Wakes whoever waits for space in this session's rings, then answers each query on its own.
   * (Argo: notify, where one entry that fails takes the rest with it.)
   * @returns one status per query, or EINVAL when there are more than 256, or ECONNRESET for a
   *   session that has ended.
   */
  notify(
    session: Session,
    sourcePort: Port,
    queries: readonly RingQuery[],
    type: number,
  ): RingStatus[] | Refusal {
    if (session.ended) return refusal('ECONNRESET')
    for (const ring of session.rings.values()) this.#space.wake(ring)
    if (queries.length > NOTIFY_ENTRIES_MAX) {
      return refusal('EINVAL', `a notify has at most ${NOTIFY_ENTRIES_MAX} entries`)
    }
    return queries.map(query => this.#answer(session, sourcePort, query, type))
  }

  /**
   * Tells those who asked for a ring where there was none, if policy lets them send to it now; the
   * wish of one it does not stays, for a ring that appears when it does.
   * @param target of the ring's domain.
   */
  announce(ring: Ring, target: Target): void {
    const { domain } = ring.owner
    const { port, partner } = ring.id
    const told = new Set<Session>()
    for (const wish of target.wishes.get(port) ?? []) {
      const { session, sourcePort, type } = wish
      if (partner !== DOMID_ANY && partner !== session.domain.id) continue
      if (!this.#lets(session.domain, sourcePort, target, port, type)) continue
      this.#forgetWish(wish)
      told.add(session)
    }
    for (const session of told) {
      session.sink.event({ kind: 'ring-up', party: domain.party, port })
    }
  }

  /** A session that has ended asks for no ring any more. */
  forgetWishes(session: Session): void {
    for (const wish of session.wishes) this.#forgetWish(wish)
  }

  /**
   * Answers one entry of a notify. (Argo: fill_ring_data.) Policy is asked first, and a refusal
   * says nothing about what is there.
   */
  #answer(session: Session, sourcePort: Port, query: RingQuery, type: number): RingStatus {
    const { target, port } = query
    if (!this.#lets(session.domain, sourcePort, target, port, type)) return noRing('EPERM')
    const ring = target.domain?.matchRing(port, session.domain.id)
    if (ring === undefined) {
      if (query.wantRing && !this.#wish({ session, sourcePort, target, port, type })) {
        return noRing('EBUSY')
      }
      return noRing(target.domain === undefined ? 'ESRCH' : 'ECONNREFUSED')
    }
    const status = ringStatus(ring, ring.id.partner === DOMID_ANY, query.spaceRequired)
    if ((status.flags & RING_FLAG.EMSGSIZE) !== 0) return status
    const size = messageSlotsBytes(query.spaceRequired)
    const shareRoom = ring.share.room(session.domain.id, ring.waiters.domains, size)
    if (size <= ring.buffer.roomBytes && size <= shareRoom) {
      // Who waits for more than this was promised an event, and still gets it.
      const wanted = ring.waiters.sizeOf(session)
      if (wanted !== undefined && wanted <= size) this.#space.stopWaiting(session, ring)
      return { ...status, flags: status.flags | RING_FLAG.SUFFICIENT }
    }
    if (this.#space.wait(session, ring, size)) return status
    return { ...status, flags: status.flags | RING_FLAG.EBUSY }
  }

  /** True when policy would let a datagram of this flow through now, whether or not it fits. */
  #lets(source: Domain, sourcePort: Port, target: Target, port: Port, type: number): boolean {
    const index = this.#gate.decide(source, sourcePort, target, port, type)
    if (this.#gate.isPlain(index)) return true
    return this.#admission.lets(source, { sourcePort, target, port, type }, index)
  }

  /** @returns false when the session has too many wishes already. */
  #wish(wish: RingWish): boolean {
    const { session, target } = wish
    for (const known of session.wishes) if (isSameWish(known, wish)) return true
    if (session.wishes.size >= this.#limits.absentWaitersPerSessionMax) return false
    target.addWish(wish)
    return true
  }

  #forgetWish(wish: RingWish): void {
    wish.target.removeWish(wish)
    this.#release(wish.target)
  }
}

/** The answer about a ring that can't be asked about. */
export function noRing(code: ErrorCode): RingStatus {
  return { flags: 0, maxMessageBytes: 0, spaceBytes: 0, code }
}

/** What there is to say about a ring without changing anything. */
function ringStatus(ring: Ring, shared: boolean, spaceRequired: number): RingStatus {
  const { buffer } = ring
  let flags: number = RING_FLAG.EXISTS
  if (shared) flags |= RING_FLAG.SHARED
  if (buffer.usedBytes === 0) flags |= RING_FLAG.EMPTY
  if (!buffer.canEverFit(spaceRequired)) flags |= RING_FLAG.EMSGSIZE
  return {
    flags,
    maxMessageBytes: buffer.maxMessageBytes,
    spaceBytes: buffer.payloadSpace,
    code: null,
  }
}

function isSameWish(a: RingWish, b: RingWish): boolean {
  return (
    a.target === b.target && a.port === b.port && a.sourcePort === b.sourcePort && a.type === b.type
  )
}
