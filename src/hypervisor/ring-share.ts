import type { DomainId } from '../abi/addr.js'
import { assert } from '../util/assert.js'

/**
 * Who holds how much of a ring, so that one sender can't keep the others out.
 *
 * Every slot is charged to the domain that sent it until the owner consumes it. A domain that
 * has the ring to itself may fill it. As soon as n domains hold slots, wait for some, or were
 * told of some and have not come back, none of them gets beyond 1/n of the ring; what it holds
 * already drains, and whoever holds nothing may always have one message in. So a flood costs a
 * newcomer, whose messages are not larger than its share, at most the time in which the owner
 * consumes what was there before; and no share is kept free for who has never asked for it.
 * (The idea of a share that shrinks with the number of claimants is dbus-broker's util/user.c.)
 */
export class RingShare {
  readonly #capacity: number
  readonly #heldBytes = new Map<DomainId, number>()
  /** Who sent what is in the ring, oldest first from `firstRun` on; neighbours of one domain are one. */
  readonly #runs: { readonly domain: DomainId; end: number }[] = []
  #firstRun = 0

  /** @param capacity slot bytes a ring can hold. */
  constructor(capacity: number) {
    this.#capacity = capacity
  }

  /** Slot bytes a domain holds. */
  heldBytes(domain: DomainId): number {
    return this.#heldBytes.get(domain) ?? 0
  }

  /**
   * Slot bytes a domain may add as far as its share goes.
   * @param waiting the domains that wait for space or were told of it.
   * @param firstSize slot bytes of its first message.
   */
  room(domain: DomainId, waiting: ReadonlyMap<DomainId, number>, firstSize: number): number {
    let claimants = this.#heldBytes.has(domain) || waiting.has(domain) ? 0 : 1
    claimants += this.#heldBytes.size
    for (const waiter of waiting.keys()) if (!this.#heldBytes.has(waiter)) claimants++
    if (claimants <= 1) return this.#capacity
    const held = this.heldBytes(domain)
    const share = Math.floor(this.#capacity / claimants)
    if (held === 0) return Math.max(share, firstSize)
    return Math.max(0, share - held)
  }

  /**
   * Charges slots to whoever sent them.
   * @param end absolute offset in the ring behind those slots.
   */
  charge(domain: DomainId, slotBytes: number, end: number): void {
    if (slotBytes === 0) return
    this.#heldBytes.set(domain, this.heldBytes(domain) + slotBytes)
    const last = this.#runs.length - 1
    if (last >= this.#firstRun && this.#runs[last]!.domain === domain) this.#runs[last]!.end = end
    else this.#runs.push({ domain, end })
  }

  /**
   * Gives back what was consumed, to whoever sent it. The owner of a ring may say any offset, also
   * one inside a message, so this does not look at the messages.
   * @param from absolute offset of what is consumed, both ends of which were charged before
   */
  release(from: number, to: number): void {
    let at = from
    while (at < to) {
      const run = this.#runs[this.#firstRun]
      assert(run !== undefined, 'what is consumed was charged')
      const part = Math.min(run.end, to) - at
      this.#give(run.domain, part)
      at += part
      if (at === run.end) this.#firstRun++
    }
    if (this.#firstRun > 32 && this.#firstRun * 2 > this.#runs.length) {
      this.#runs.splice(0, this.#firstRun)
      this.#firstRun = 0
    }
  }

  #give(domain: DomainId, slotBytes: number): void {
    const left = this.heldBytes(domain) - slotBytes
    assert(left >= 0, 'a sender gives back what it was charged')
    if (left === 0) this.#heldBytes.delete(domain)
    else this.#heldBytes.set(domain, left)
  }
}
