import type { Port } from '../abi/addr.js'
import type { Subject } from '../policy/subject.js'
import type { Domain } from './domain.js'
import type { Party } from './event.js'
import type { Session } from './session.js'

/** Asks to be told when a ring appears: who asks, and what it would send there. */
export interface RingWish {
  readonly session: Session
  readonly sourcePort: Port
  readonly target: Target
  readonly port: Port
  /** A number of MESSAGE_TYPES. */
  readonly type: number
}

/**
 * A name that datagrams are sent to, whether or not a domain has it just now. There is one
 * object per name while anyone uses it, so a sender keeps it and never looks a name up again.
 */
export class Target {
  readonly name: string
  /** The domain that has the name now. */
  domain: Domain | undefined
  /** Who wants to hear when a ring at a port appears. */
  readonly wishes = new Map<Port, Set<RingWish>>()
  /** How many hold on to this object. */
  holders = 0
  readonly #stranger: Subject

  constructor(name: string, domain: Domain | undefined) {
    this.name = name
    this.domain = domain
    this.#stranger = { name, tags: [] }
  }

  /** The domain as policy sees it; a name without a domain has no tags. */
  get subject(): Subject {
    return this.domain?.subject ?? this.#stranger
  }

  get party(): Party {
    return { name: this.name, id: this.domain?.id ?? 0 }
  }

  /** Notes a wish with both sides. */
  addWish(wish: RingWish): void {
    let wishes = this.wishes.get(wish.port)
    if (wishes === undefined) this.wishes.set(wish.port, (wishes = new Set()))
    wishes.add(wish)
    wish.session.wishes.add(wish)
    this.holders++
  }

  /** Forgets a wish on both sides; the caller then releases the target. */
  removeWish(wish: RingWish): void {
    const wishes = this.wishes.get(wish.port)!
    wishes.delete(wish)
    if (wishes.size === 0) this.wishes.delete(wish.port)
    wish.session.wishes.delete(wish)
  }
}
