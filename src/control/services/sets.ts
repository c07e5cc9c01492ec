import { quote } from '../../abi/addr.js'
import type { Hypervisor } from '../../hypervisor/hypervisor.js'
import { Membership } from '../../policy/membership.js'
import type { Policy, PolicySet, PolicyTag, SetElement } from '../../policy/policy.js'
import { formatSetElement, parseSetElement } from '../../policy/set-element.js'
import type { SetElement as KeptElement } from '../../store/set-store.js'
import { refuse, type Refusal } from '../../store/refusal.js'
import type { Store } from '../../store/store.js'
import type { Clock } from '../../util/clock.js'
import type { SetView } from '../schemas/set.js'
import type { Cause } from './cause.js'
import type { Changes } from './changes.js'
import type { Log } from './log.js'
import { nextTurn } from './next-turn.js'

/** An element was put into a set or taken out of it. */
export interface SetChanged {
  readonly ok: true
  readonly set: string
  /** In the form in which it is listed. */
  readonly element: string
  readonly expiresAt: number | undefined
}

type Stated = Map<string, number | undefined>

/** Elements that are taken into a new table before others get their turn. */
const ELEMENTS_PER_STEP = 250
/** What a timer is set to at most: clocks are set, and timers do not hear of it. */
const TIMER_MS_MAX = 60_000

/**
 * Who is in the sets of the policy besides those it names itself. An element comes and goes without
 * a revision and without compiling anything; the next datagram is decided with it.
 */
export class SetService {
  readonly #store: Store
  readonly #hypervisor: Hypervisor
  readonly #clock: Clock
  readonly #changes: Changes
  readonly #log: Log | undefined
  /** What was put in by hand, by set and element. */
  readonly #live = new Map<string, KeptElement>()
  #base: Pick<Policy, 'sets' | 'tags'>
  /** When each element that stands in the policy expires, if it does, by set and element. */
  #stated: Stated
  /** Of a table that is being compiled: it must not miss what happens meanwhile. */
  #building: { readonly membership: Membership; readonly stated: Stated } | undefined
  #timer: NodeJS.Timeout | undefined

  /** @param base of the policy in force, whose table has a membership of its own. */
  constructor(
    store: Store,
    hypervisor: Hypervisor,
    clock: Clock,
    changes: Changes,
    base: Pick<Policy, 'sets' | 'tags'>,
    log: Log | undefined,
  ) {
    this.#store = store
    this.#hypervisor = hypervisor
    this.#clock = clock
    this.#changes = changes
    this.#base = base
    this.#log = log
    this.#stated = new Map()
    for (const { name, elements } of base.sets) {
      for (const element of elements) note(this.#stated, name, element)
    }
    const { membership } = hypervisor.policy
    for (const kept of store.sets.list()) {
      this.#live.set(keyOf(kept.set, kept.element), kept)
      this.#join(membership, this.#stated, kept)
    }
    this.#expire()
  }

  /** The sets of the policy with their elements. */
  list(): SetView[] {
    const live = new Map<string, KeptElement[]>(this.#base.sets.map(({ name }) => [name, []]))
    for (const kept of this.live()) live.get(kept.set)?.push(kept)
    return this.#base.sets.map(({ name, elements }) => ({
      name,
      elements: [
        ...elements.map(element => ({
          element: formatSetElement({ ...element, expires: undefined }),
          expiresAt: element.expires ?? null,
          addedBy: null,
          addedAt: null,
        })),
        ...live.get(name)!.map(({ element, expiresAt, author, addedAt }) => ({
          element,
          expiresAt: expiresAt ?? null,
          addedBy: author,
          addedAt,
        })),
      ],
    }))
  }

  /** What was put into sets by hand and has not expired. */
  live(): readonly KeptElement[] {
    const now = this.#clock.now()
    return [...this.#live.values()].filter(kept => !isOver(kept, now))
  }

  /**
   * Puts an element into a set of the policy; one that was put in before gets the new expiry.
   * @param timeoutMs how long it stays; for good when left out.
   * @returns ENOENT for a set that the policy does not have, EINVAL for what is no element, EEXIST
   *   for one that stands in the policy, ENOSPC when there are too many.
   */
  add(
    set: string,
    text: string,
    timeoutMs: number | undefined,
    cause: Cause,
  ): SetChanged | Refusal<'ENOENT' | 'EINVAL' | 'EEXIST' | 'ENOSPC'> {
    const element = this.#read(set, text)
    if ('ok' in element) return element
    const name = nameOf(element)
    if (this.#isIn(this.#stated, set, name)) {
      return refuse(
        'EEXIST',
        `${quote(name)} is in the set ${quote(set)} already: the policy says so`,
      )
    }
    const now = this.#clock.now()
    const expiresAt = timeoutMs === undefined ? element.expires : now + timeoutMs
    if (expiresAt !== undefined && expiresAt <= now) {
      return refuse('EINVAL', `${quote(text)} has expired already`)
    }
    const kept = { set, element: name, addedAt: now, expiresAt, author: cause.actor }
    return this.#changes.make(
      cause,
      () => {
        const put = this.#store.sets.put(set, name, expiresAt, cause.actor)
        return put.ok ? { ok: true as const, set, element: name, expiresAt } : put
      },
      () => ({ action: 'set.add', target: set, detail: { element: name, expiresAt } }),
      () => {
        this.#live.set(keyOf(set, name), kept)
        for (const { membership, stated } of this.#memberships()) {
          this.#join(membership, stated, kept)
        }
        this.#hypervisor.forgetDecisions()
        this.watchExpiry()
      },
    )
  }

  /**
   * Takes out of a set what was put in by hand.
   * @returns ENOENT when it is not there, EINVAL for one that stands in the policy.
   */
  remove(set: string, text: string, cause: Cause): SetChanged | Refusal<'ENOENT' | 'EINVAL'> {
    const element = this.#read(set, text)
    if ('ok' in element) return element
    const name = nameOf(element)
    const kept = this.#live.get(keyOf(set, name))
    if (kept === undefined || isOver(kept, this.#clock.now())) {
      return this.#isIn(this.#stated, set, name)
        ? refuse('EINVAL', `${quote(name)} stands in the policy: take it out there`)
        : refuse('ENOENT', `${quote(name)} is not in the set ${quote(set)}`)
    }
    return this.#changes.make(
      cause,
      () => {
        this.#store.sets.remove(set, name)
        return { ok: true as const, set, element: name, expiresAt: kept.expiresAt }
      },
      () => ({ action: 'set.remove', target: set, detail: { element: name } }),
      () => {
        this.#live.delete(keyOf(set, name))
        for (const { membership, stated } of this.#memberships()) {
          if (!this.#isIn(stated, set, name)) membership.remove(set, element)
        }
        this.#hypervisor.forgetDecisions()
      },
    )
  }

  /**
   * Who is in the sets of a policy to come: what it says itself, and what was put in by hand. The
   * one in force when neither sets nor tags are others.
   */
  async membershipOf(
    sets: readonly PolicySet[] | undefined,
    tags: readonly PolicyTag[] | undefined,
  ): Promise<Membership> {
    this.#building = undefined
    if (sets === undefined && tags === undefined) return this.#hypervisor.policy.membership
    const membership = new Membership([], tags ?? this.#base.tags)
    const stated: Stated = new Map()
    this.#building = { membership, stated }
    let steps = 0
    for (const { name, elements } of sets ?? this.#base.sets) {
      for (const element of elements) {
        membership.add(name, element)
        note(stated, name, element)
        if (++steps % ELEMENTS_PER_STEP === 0) await nextTurn()
      }
    }
    for (const kept of this.#live.values()) {
      this.#join(membership, stated, kept)
      if (++steps % ELEMENTS_PER_STEP === 0) await nextTurn()
    }
    return membership
  }

  /** Notes what the sets and tags of the policy are that comes into force now. */
  enforce(sets: readonly PolicySet[] | undefined, tags: readonly PolicyTag[] | undefined): void {
    if (this.#building !== undefined) this.#stated = this.#building.stated
    this.#building = undefined
    if (sets === undefined && tags === undefined) return
    this.#base = { sets: sets ?? this.#base.sets, tags: tags ?? this.#base.tags }
  }

  /**
   * Forgets what was put into sets that the policy does not have any more: not before there is no
   * way back by itself to the policy that had them.
   */
  dropGone(): void {
    const names = new Set(this.#base.sets.map(({ name }) => name))
    const gone = new Set<string>()
    for (const [key, { set }] of this.#live) {
      if (names.has(set)) continue
      this.#live.delete(key)
      gone.add(set)
    }
    this.#forget(() => {
      for (const set of gone) this.#store.sets.dropSet(set)
    })
  }

  /** Sets the timer for what expires next: rules of the table in force, and elements of sets. */
  watchExpiry(): void {
    clearTimeout(this.#timer)
    const { nextExpiry } = this.#hypervisor.policy
    if (nextExpiry === Infinity) return
    const left = Math.min(Math.max(1, nextExpiry - this.#clock.now()), TIMER_MS_MAX)
    this.#timer = setTimeout(() => this.#expire(), left)
    this.#timer.unref()
  }

  /** Lets nothing expire any more. */
  close(): void {
    clearTimeout(this.#timer)
  }

  #expire(): void {
    const now = this.#clock.now()
    if (this.#hypervisor.policy.expire(now)) this.#hypervisor.forgetDecisions()
    let isAnyOver = false
    for (const [key, kept] of this.#live) {
      if (!isOver(kept, now)) continue
      this.#live.delete(key)
      isAnyOver = true
    }
    if (isAnyOver) this.#forget(() => this.#store.sets.dropExpired())
    this.watchExpiry()
  }

  // What stays in the store for now is removed another time.
  #forget(work: () => void): void {
    try {
      this.#store.relaxed(work)
    } catch (error) {
      this.#log?.error({ err: error }, 'elements of sets that are over could not be removed')
    }
  }

  #read(set: string, text: string): SetElement | Refusal<'ENOENT' | 'EINVAL'> {
    if (!this.#base.sets.some(({ name }) => name === set)) {
      const message = `the policy has no set ${quote(set)}: write it under sets in the policy, [] for an empty one`
      return refuse('ENOENT', message)
    }
    const element = parseSetElement(text)
    return typeof element === 'string' ? refuse('EINVAL', element) : element
  }

  #isIn(stated: Stated, set: string, name: string): boolean {
    const key = keyOf(set, name)
    return stated.has(key) && (stated.get(key) ?? Infinity) > this.#clock.now()
  }

  // What stands in the policy is not to end when an element of the same name does.
  #join(membership: Membership, stated: Stated, kept: KeptElement): void {
    const { set, element: text, expiresAt } = kept
    const element = parseSetElement(text)
    if (typeof element === 'string' || this.#isIn(stated, set, text)) return
    membership.add(set, expiresAt === undefined ? element : { ...element, expires: expiresAt })
  }

  #memberships(): { readonly membership: Membership; readonly stated: Stated }[] {
    const { membership } = this.#hypervisor.policy
    const inForce = { membership, stated: this.#stated }
    return this.#building === undefined ? [inForce] : [inForce, this.#building]
  }
}

function keyOf(set: string, element: string): string {
  return `${set} ${element}`
}

function nameOf(element: SetElement): string {
  return formatSetElement({ ...element, expires: undefined })
}

function note(stated: Stated, set: string, element: SetElement): void {
  stated.set(keyOf(set, nameOf(element)), element.expires)
}

function isOver({ expiresAt }: KeptElement, now: number): boolean {
  return expiresAt !== undefined && expiresAt <= now
}
