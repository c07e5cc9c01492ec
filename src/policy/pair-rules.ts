import type { MessageType } from '../abi/addr.js'
import { Membership } from './membership.js'
import { placeOf, placesOf, type Place } from './places.js'
import type { Policy } from './policy.js'
import type { PortRectangle } from './port-index.js'
import { intersect } from './port-regions.js'
import type { Rule, RuleType } from './rule.js'
import { ALL_PORTS, isExpired, type PortRange } from './selector.js'
import type { Subject } from './subject.js'
import { waysOf, type Way } from './ways.js'

/** Ports on which a rule speaks of a pair. */
export interface TypedRectangle extends PortRectangle {
  readonly type: RuleType
}

/** What of a policy bears on whom; tests do not. */
export type Decisions = Pick<Policy, 'rules' | 'sets' | 'tags'>

/**
 * The rules of a policy at one moment, by the pair of domains they are about: for looking at a
 * policy as a whole, where `PolicyTable` is for deciding one datagram.
 */
export class PairRules {
  readonly rules: readonly Rule[]
  /** Who is in which set at that moment. */
  readonly membership: Membership
  /** Those of all rules that are there at that moment. */
  readonly ways: readonly Way[]
  readonly #bySource = new Map<string, Map<string, TypedRectangle[]>>()
  readonly #places = new Set<string>()

  /** @param now milliseconds since the epoch: what expires then or before is not there. */
  constructor({ rules, sets, tags }: Decisions, now: number) {
    this.rules = rules
    this.membership = new Membership(sets, tags)
    this.membership.expire(now)
    const ways: Way[] = []
    for (const [index, rule] of rules.entries()) {
      if (isExpired(rule, now)) continue
      for (const way of waysOf(rule)) {
        const { source, destination } = way
        ways.push(way)
        this.#file(placeOf(source), placeOf(destination), {
          source: source.ports,
          destination: destination.ports,
          type: rule.type,
          position: index + 1,
        })
      }
    }
    this.ways = ways
  }

  /** The ports on which rules speak of this pair, in rising order of position. */
  rectangles(source: Subject, destination: Subject, type: MessageType): PortRectangle[] {
    const sources = placesOf(source, this.membership)
    const destinations = placesOf(destination, this.membership)
    return ofType(this.rectanglesBetween(sources, destinations), type)
  }

  /** The same of some places and others, for both types. */
  rectanglesBetween(sources: readonly Place[], destinations: readonly Place[]): TypedRectangle[] {
    const found: TypedRectangle[] = []
    for (const from of sources) {
      const row = this.#bySource.get(from.key)
      if (row === undefined) continue
      for (const to of destinations) {
        const entries = row.get(to.key)
        if (entries === undefined) continue
        if (from.ports === undefined && to.ports === undefined) found.push(...entries)
        else found.push(...entries.flatMap(entry => within(entry, from, to)))
      }
    }
    return found.sort((a, b) => a.position - b.position)
  }

  /** The places of a domain that some rule speaks of. */
  keysOf(subject: Subject): string[] {
    const places = placesOf(subject, this.membership)
    return places.flatMap(({ key }) => (this.#places.has(key) ? key : []))
  }

  /** The places that rules about a domain as source speak of as destinations. */
  destinationsOf(subject: Subject): Set<string> {
    return this.destinationsFrom(placesOf(subject, this.membership).map(({ key }) => key))
  }

  /** The places that rules with one of these places as source speak of as destinations. */
  destinationsFrom(sources: readonly string[]): Set<string> {
    const rows = sources.flatMap(key => this.#bySource.get(key) ?? [])
    return new Set(rows.flatMap(row => [...row.keys()]))
  }

  /**
   * What tells a domain from others as far as these rules go: two domains of which it is the same
   * are decided alike.
   */
  signature(subject: Subject): string {
    return placesText(placesOf(subject, this.membership).filter(({ key }) => this.#places.has(key)))
  }

  #file(source: string, destination: string, entry: TypedRectangle): void {
    this.#places.add(source).add(destination)
    let row = this.#bySource.get(source)
    if (row === undefined) this.#bySource.set(source, (row = new Map<string, TypedRectangle[]>()))
    const entries = row.get(destination)
    if (entries === undefined) row.set(destination, [entry])
    else entries.push(entry)
  }
}

/** Those of rules that speak of a type. */
export function ofType(rectangles: readonly TypedRectangle[], type: MessageType): TypedRectangle[] {
  return rectangles.filter(each => each.type === 'any' || each.type === type)
}

/** A rule's ports, where elements of sets leave any; one rectangle for each pair of elements. */
function within(entry: TypedRectangle, from: Place, to: Place): TypedRectangle[] {
  const sources = allowed(entry.source, from)
  const destinations = allowed(entry.destination, to)
  return sources.flatMap(source =>
    destinations.map(destination => ({ ...entry, source, destination })),
  )
}

function allowed(ports: PortRange, place: Place): PortRange[] {
  return (place.ports ?? [ALL_PORTS]).flatMap(range => intersect(ports, range) ?? [])
}

/** Places as a text that is the same for the same places. */
export function placesText(places: readonly Place[]): string {
  const parts = places.map(({ key, ports = [] }) =>
    [key, ...ports.map(({ min, max }) => `${min}-${max}`).sort()].join(),
  )
  return parts.sort().join(' ')
}
