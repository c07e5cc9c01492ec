import type { MessageType } from '../abi/addr.js'
import {
  AS_DESTINATION,
  AS_SOURCE,
  GROUP,
  GROUP_WORDS,
  pairSlot,
  TEMPORARY,
  TEMPORARY_NUMBERS,
  type CompiledRules,
} from './compiled-rules.js'
import { NameIndex } from './name-index.js'
import { lookupPorts } from './port-index.js'
import { RULE_TYPES } from './rule.js'

const ANY_TYPE = RULE_TYPES.indexOf('any')

/** Finds rules among those that were compiled. What has expired is taken out of them in place. */
export class RuleIndex {
  readonly #compiled: CompiledRules
  readonly #places: NameIndex
  #nextExpiry: number

  /** @param compiled for this index alone. */
  constructor(compiled: CompiledRules) {
    this.#compiled = compiled
    this.#places = new NameIndex(compiled.places)
    this.#nextExpiry = this.#findNextExpiry()
  }

  /** The number of a place that rules mean as source, or -1. */
  sourceOf(place: string): number {
    return this.#placeAs(AS_SOURCE, place)
  }

  /** The number of a place that rules mean as destination, or -1. */
  destinationOf(place: string): number {
    return this.#placeAs(AS_DESTINATION, place)
  }

  /** The group of rules from one place to another, or -1. */
  groupOf(source: number, destination: number): number {
    const { pairs } = this.#compiled
    const mask = pairs.length - 1
    let slot = pairSlot(source, destination, pairs.length)
    let group = pairs[slot]! - 1
    while (group >= 0 && !this.#isBetween(group, source, destination)) {
      slot = (slot + 1) & mask
      group = pairs[slot]! - 1
    }
    return group
  }

  /** The smallest position below `bound` of a rule of the group that matches, else `bound`. */
  lookup(
    group: number,
    sourcePort: number,
    destinationPort: number,
    type: MessageType,
    bound: number,
  ): number {
    const { groups, ports } = this.#compiled
    const at = GROUP_WORDS * group
    const ofType = groups[at + GROUP[type]]!
    let best = lookupPorts(ports, groups[at + GROUP.any]!, sourcePort, destinationPort, bound)
    best = lookupPorts(ports, ofType, sourcePort, destinationPort, best)
    if (groups[at + GROUP.temporaryCount] === 0) return best
    return this.#lookupTemporary(at, sourcePort, destinationPort, RULE_TYPES.indexOf(type), best)
  }

  #isBetween(group: number, source: number, destination: number): boolean {
    const { groups } = this.#compiled
    const at = GROUP_WORDS * group
    return groups[at] === source && groups[at + GROUP.destination] === destination
  }

  /** When the next rule expires, in milliseconds since the epoch; Infinity when none does. */
  get nextExpiry(): number {
    return this.#nextExpiry
  }

  /** Takes out what has expired. */
  expire(now: number): void {
    const { groups, temporary } = this.#compiled
    for (let at = 0; at < groups.length; at += GROUP_WORDS) {
      const count = groups[at + GROUP.temporaryCount]!
      let from = TEMPORARY_NUMBERS * groups[at + GROUP.temporary]!
      let to = from
      for (let i = 0; i < count; i++, from += TEMPORARY_NUMBERS) {
        if (temporary[from + TEMPORARY.expires]! <= now) {
          groups[at + GROUP.temporaryCount]!--
          continue
        }
        temporary.copyWithin(to, from, from + TEMPORARY_NUMBERS)
        to += TEMPORARY_NUMBERS
      }
    }
    this.#nextExpiry = this.#findNextExpiry()
  }

  #placeAs(role: number, place: string): number {
    const number = this.#places.find(place)
    return number >= 0 && (this.#compiled.roles[number]! & role) !== 0 ? number : -1
  }

  #lookupTemporary(
    group: number,
    sourcePort: number,
    destinationPort: number,
    type: number,
    bound: number,
  ): number {
    const { groups, temporary } = this.#compiled
    let at = TEMPORARY_NUMBERS * groups[group + GROUP.temporary]!
    const end = at + TEMPORARY_NUMBERS * groups[group + GROUP.temporaryCount]!
    for (; at < end; at += TEMPORARY_NUMBERS) {
      const position = temporary[at + TEMPORARY.position]!
      if (position >= bound) break
      const ruleType = temporary[at + TEMPORARY.type]!
      if (ruleType !== ANY_TYPE && ruleType !== type) continue
      if (sourcePort < temporary[at + TEMPORARY.sourceMin]!) continue
      if (sourcePort > temporary[at + TEMPORARY.sourceMax]!) continue
      if (destinationPort < temporary[at + TEMPORARY.destinationMin]!) continue
      if (destinationPort > temporary[at + TEMPORARY.destinationMax]!) continue
      return position
    }
    return bound
  }

  #findNextExpiry(): number {
    const { groups, temporary } = this.#compiled
    let next = Infinity
    // Most policies have no such rule, and this is asked for each time one comes into force.
    if (temporary.length === 0) return next
    for (let at = 0; at < groups.length; at += GROUP_WORDS) {
      const from = TEMPORARY_NUMBERS * groups[at + GROUP.temporary]!
      const end = from + TEMPORARY_NUMBERS * groups[at + GROUP.temporaryCount]!
      for (let i = from; i < end; i += TEMPORARY_NUMBERS) {
        next = Math.min(next, temporary[i + TEMPORARY.expires]!)
      }
    }
    return next
  }
}
