import type { Port } from '../abi/addr.js'
import type { Limits } from '../abi/limits.js'
import type { Ring } from './ring.js'
import type { Session } from './session.js'
import type { Target } from './target.js'

/** Space in rings: what frees it, who waits for it and is called, who is held up until then. */
export class RingSpace {
  readonly #limits: Limits

  constructor(limits: Limits) {
    this.#limits = limits
  }

  /**
   * Frees what a ring's owner has read, and wakes those for whom there is space now.
   * @param offset absolute; the same or a lower one again does nothing.
   * @returns false when the offset is not one that the owner can have read up to.
   */
  consume(ring: Ring, offset: number): boolean {
    const from = ring.buffer.rxOffset
    const freed = ring.buffer.consumeTo(offset, ring.givenOffset)
    if (freed < 0) return false
    if (freed > 0) {
      ring.share.release(from, from + freed)
      this.wake(ring)
    }
    return true
  }

  /** Tells waiters that there is space, as far as there is. */
  wake(ring: Ring): void {
    const { waiters, share, buffer } = ring
    if (waiters.size === 0) return
    // Who was called may never come back. While something is in the ring, what is behind gets its
    // turn when that is consumed; an empty ring would never call again, so it calls all.
    const room = buffer.usedBytes === 0 ? Infinity : buffer.roomBytes
    const called = waiters.call(room, waiter =>
      share.room(waiter.session.domain.id, waiters.domains, waiter.size),
    )
    for (const session of called) {
      session.sink.event({
        kind: 'space',
        party: ring.owner.domain.party,
        port: ring.id.port,
        spaceBytes: buffer.payloadSpace,
      })
    }
  }

  /** @returns false when the ring's table of waiters is full. */
  wait(session: Session, ring: Ring, size: number): boolean {
    if (
      ring.waiters.sizeOf(session) === undefined &&
      ring.waiters.size >= this.#limits.waitersPerRingMax
    ) {
      return false
    }
    ring.waiters.add(session, size)
    session.waitingFor.add(ring)
    return true
  }

  /** A session wants no space of this size any more. */
  stopWaiting(session: Session, ring: Ring): void {
    if (ring.waiters.remove(session)) session.waitingFor.delete(ring)
  }

  /** A session that was called has sent again: it has its space, or waits anew. */
  comeBack(session: Session, ring: Ring): void {
    if (ring.waiters.comeBack(session)) session.waitingFor.delete(ring)
  }

  /** Refuses what else a session has under way to a ring, until it goes back to what was refused. */
  block(session: Session, ring: Ring): void {
    session.blockedOn.add(ring)
    ring.blocked.add(session)
  }

  unblock(session: Session, ring: Ring): void {
    session.blockedOn.delete(ring)
    ring.blocked.delete(session)
  }

  /**
   * A session has gone back to what a ring at this address refused. Whatever becomes of it now, and
   * also where another ring has the address meanwhile, what comes after it is in order.
   */
  goBack(session: Session, target: Target, port: Port): void {
    for (const ring of session.blockedOn) {
      if (isAt(ring, target, port)) this.unblock(session, ring)
    }
  }

  /** A session is not to have space in a ring at this address any more. */
  leave(session: Session, target: Target, port: Port): void {
    for (const ring of session.waitingFor) {
      if (!isAt(ring, target, port)) continue
      this.stopWaiting(session, ring)
      this.wake(ring) // it may have held up those behind it
    }
  }
}

function isAt(ring: Ring, target: Target, port: Port): boolean {
  return ring.owner.domain === target.domain && ring.id.port === port
}
