import { CONTROL_NAME } from '../abi/addr.js'
import type { PolicySet, PolicyTag, SetElement } from './policy.js'
import type { Scope } from './scope.js'
import { isExpired, type PortRange } from './selector.js'
import { formatSetElement } from './set-element.js'
import type { Subject } from './subject.js'

/** Elements of all sets together: what a live set can be made to grow to. */
export const SET_ELEMENTS_MAX = 100_000

/**
 * Who is in which set and whom the policy gives which tag. It stands apart from the compiled
 * rules, so that an element comes and goes without touching them: whoever keeps what `setsOf`
 * says drops it when `version` has changed.
 */
export class Membership {
  /** Elements by set, and in it by what they say, their end aside. */
  readonly #sets = new Map<string, Map<string, SetElement>>()
  /** The same elements by whom they mean, and then by set. */
  readonly #byWho = new Map<string, Map<string, SetElement[]>>()
  readonly #tags: readonly PolicyTag[]
  readonly #tagsByName = new Map<string, string[]>()
  #elementCount = 0
  #version = 0
  #nextExpiry = Infinity

  constructor(sets: readonly PolicySet[] = [], tags: readonly PolicyTag[] = []) {
    this.#tags = tags
    for (const { name, elements } of sets) {
      this.#elementsOf(name)
      for (const element of elements) this.add(name, element)
    }
    for (const { tag, domains } of tags) {
      for (const domain of domains) listAt(this.#tagsByName, domain).push(tag)
    }
  }

  /** Changes whenever somebody comes into a set or leaves it. */
  get version(): number {
    return this.#version
  }

  /** When the next element may expire, in milliseconds since the epoch; Infinity for never. */
  get nextExpiry(): number {
    return this.#nextExpiry
  }

  /** The same in the form that `evaluate` reads, at a time. */
  scope(now: number): Scope {
    return { sets: this.sets, tags: this.#tags, now }
  }

  /** The sets as they are now. */
  get sets(): PolicySet[] {
    return [...this.#sets].map(([name, elements]) => ({ name, elements: [...elements.values()] }))
  }

  /**
   * Puts an element into a set, which is made if there is none; one that means the same is
   * replaced, and with it when it expires.
   * @returns false when there are SET_ELEMENTS_MAX already.
   */
  add(set: string, element: SetElement): boolean {
    const elements = this.#elementsOf(set)
    const key = keyOf(element)
    if (!elements.has(key) && this.#elementCount >= SET_ELEMENTS_MAX) return false
    this.remove(set, element)
    elements.set(key, element)
    const bySet = mapAt(this.#byWho, whoOf(element))
    listAt(bySet, set).push(element)
    this.#elementCount++
    this.#version++
    this.#nextExpiry = Math.min(this.#nextExpiry, element.expires ?? Infinity)
    return true
  }

  /** Takes an element out of a set, whenever it expires; false when it was not there. */
  remove(set: string, element: SetElement): boolean {
    const key = keyOf(element)
    const found = this.#sets.get(set)?.get(key)
    if (found === undefined) return false
    this.#sets.get(set)!.delete(key)
    const who = whoOf(element)
    const bySet = this.#byWho.get(who)!
    const rest = bySet.get(set)!.filter(other => other !== found)
    if (rest.length > 0) bySet.set(set, rest)
    else bySet.delete(set)
    if (bySet.size === 0) this.#byWho.delete(who)
    this.#elementCount--
    this.#version++
    return true
  }

  /** Takes out what has expired; true when there was something. */
  expire(now: number): boolean {
    if (now < this.#nextExpiry) return false
    const before = this.#version
    this.#nextExpiry = Infinity
    for (const [set, elements] of this.#sets) {
      for (const element of elements.values()) {
        if (isExpired(element, now)) this.remove(set, element)
        else this.#nextExpiry = Math.min(this.#nextExpiry, element.expires ?? Infinity)
      }
    }
    return this.#version !== before
  }

  /** The tags that the policy gives to the domain of this name, besides its own. */
  tagsOf(name: string): readonly string[] {
    return this.#tagsByName.get(name) ?? []
  }

  /** The sets a domain is in, each with the ports that its elements name. */
  setsOf(subject: Subject): ReadonlyMap<string, readonly PortRange[]> {
    const ports = new Map<string, PortRange[]>()
    if (subject.name === CONTROL_NAME) return ports
    const tags = [...subject.tags, ...this.tagsOf(subject.name)]
    for (const who of new Set([subject.name, ...tags.map(tag => `tag:${tag}`)])) {
      for (const [set, elements] of this.#byWho.get(who) ?? []) {
        listAt(ports, set).push(...elements.map(element => element.ports))
      }
    }
    return ports
  }

  #elementsOf(set: string): Map<string, SetElement> {
    return mapAt(this.#sets, set)
  }
}

function keyOf(element: SetElement): string {
  return formatSetElement({ ...element, expires: undefined })
}

function whoOf(element: SetElement): string {
  return element.kind === 'name' ? element.name : `tag:${element.tag}`
}

function mapAt<K, V>(maps: Map<string, Map<K, V>>, key: string): Map<K, V> {
  let map = maps.get(key)
  if (map === undefined) maps.set(key, (map = new Map<K, V>()))
  return map
}

function listAt<T>(lists: Map<string, T[]>, key: string): T[] {
  let list = lists.get(key)
  if (list === undefined) lists.set(key, (list = []))
  return list
}
