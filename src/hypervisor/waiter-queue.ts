import type { DomainId } from '../abi/addr.js'
import { assert } from '../util/assert.js'
import type { Session } from './session.js'

/** A session that was refused for want of space and waits for so much of it. */
export interface Waiter {
  readonly session: Session
  /** Slot bytes of the message that was refused. */
  size: number
}

/**
 * The senders that wait for space in one ring, first come first served; one entry a session.
 * (Argo: pending_ent, which wakes all at once and forgets them when the ring goes.)
 *
 * Whoever was called, that is told that there is space, claims a share of the ring until it
 * comes back: else a sender that never stops would have filled the space before it is there.
 */
export class WaiterQueue {
  readonly #waiters = new Map<Session, Waiter>()
  readonly #called = new Set<Session>()
  readonly #domains = new Map<DomainId, number>()

  /** How many wait; those who were called do not. */
  get size(): number {
    return this.#waiters.size
  }

  /** The domains that wait or were called, each with the number of its sessions that did. */
  get domains(): ReadonlyMap<DomainId, number> {
    return this.#domains
  }

  /** Who waits, in the order in which they came, then who was called. */
  sessions(): Session[] {
    return [...this.#waiters.keys(), ...this.#called]
  }

  /** Slot bytes a session waits for, or undefined when it does not wait. */
  sizeOf(session: Session): number | undefined {
    return this.#waiters.get(session)?.size
  }

  /** Puts a session at the end, or notes that one that waits wants something else now. */
  add(session: Session, size: number): void {
    const known = this.#waiters.get(session)
    if (known !== undefined) {
      known.size = size
      return
    }
    this.#waiters.set(session, { session, size })
    if (this.#called.delete(session)) return
    const { id } = session.domain
    this.#domains.set(id, (this.#domains.get(id) ?? 0) + 1)
  }

  /** Forgets a session. @returns whether it waited or was called. */
  remove(session: Session): boolean {
    if (!this.#waiters.delete(session) && !this.#called.delete(session)) return false
    const { id } = session.domain
    const left = this.#domains.get(id)! - 1
    assert(left >= 0, 'a domain waits as often as its sessions do')
    if (left === 0) this.#domains.delete(id)
    else this.#domains.set(id, left)
    return true
  }

  /** Notes that a session that was called has come back. @returns whether it was called. */
  comeBack(session: Session): boolean {
    return this.#called.has(session) && this.remove(session)
  }

  /**
   * Calls those for whom there is space, oldest first, until the free space is promised.
   * @param room slot bytes that are free.
   * @param shareOf slot bytes a waiter's share lets it add; one beyond its share is passed over,
   *   one that only lacks space holds up those behind it, so that large messages get their turn.
   */
  call(room: number, shareOf: (waiter: Waiter) => number): Session[] {
    const called: Session[] = []
    let left = room
    for (const waiter of this.#waiters.values()) {
      if (waiter.size > left) break
      if (waiter.size > shareOf(waiter)) continue
      left -= waiter.size
      called.push(waiter.session)
    }
    for (const session of called) {
      this.#waiters.delete(session)
      this.#called.add(session)
    }
    return called
  }
}
