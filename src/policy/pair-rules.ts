import type { MessageType } from '../abi/addr.js'
import { Membership } from './membership.js'
import { placeOf, placesOf, type Place } from './places.js'
import type { Policy } from './policy.js'
import type { PortRectangle } from './port-index.js'
import { intersect } from './port-regions.js'
import type { Rule, RuleType } from './rule.js'
import { ALL_PORTS, isExpired, type PortRange } from './selector.js'
import type { Subject } from './subject.js'

interface Entry extends PortRectangle {
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
  readonly #bySource = new Map<string, Map<string, Entry[]>>()
  readonly #places = new Set<string>()

  /** @param now milliseconds since the epoch: what expires then or before is not there. */
  constructor({ rules, sets, tags }: Decisions, now: number) {
    this.rules = rules
    this.membership = new Membership(sets, tags)
    this.membership.expire(now)
    for (const [index, rule] of rules.entries()) {
      if (isExpired(rule, now)) continue
      const { source, destination, type } = rule
      const position = index + 1
      this.#file(placeOf(source), placeOf(destination), {
        source: source.ports,
        destination: destination.ports,
        type,
        position,
      })
      if (!rule.replies) continue
      this.#file(placeOf(destination), placeOf(source), {
        source: destination.ports,
        destination: source.ports,
        type,
        position,
      })
    }
  }

  /** The ports on which rules speak of this pair, in rising order of position. */
  rectangles(source: Subject, destination: Subject, type: MessageType): PortRectangle[] {
    const found: PortRectangle[] = []
    const destinations = placesOf(destination, this.membership)
    for (const from of placesOf(source, this.membership)) {
      const row = this.#bySource.get(from.key)
      if (row === undefined) continue
      for (const to of destinations) {
        for (const entry of row.get(to.key) ?? []) {
          if (entry.type === 'any' || entry.type === type) found.push(...within(entry, from, to))
        }
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
    const rows = placesOf(subject, this.membership).flatMap(
      ({ key }) => this.#bySource.get(key) ?? [],
    )
    return new Set(rows.flatMap(row => [...row.keys()]))
  }

  /**
   * What tells a domain from others as far as these rules go: two domains of which it is the same
   * are decided alike.
   */
  signature(subject: Subject): string {
    return placesText(placesOf(subject, this.membership).filter(({ key }) => this.#places.has(key)))
  }

  #file(source: string, destination: string, entry: Entry): void {
    this.#places.add(source).add(destination)
    let row = this.#bySource.get(source)
    if (row === undefined) this.#bySource.set(source, (row = new Map<string, Entry[]>()))
    const entries = row.get(destination)
    if (entries === undefined) row.set(destination, [entry])
    else entries.push(entry)
  }
}

/** A rule's ports, where elements of sets leave any; one rectangle for each pair of elements. */
function within({ source, destination, position }: Entry, from: Place, to: Place): PortRectangle[] {
  const sources = allowed(source, from)
  const destinations = allowed(destination, to)
  return sources.flatMap(s => destinations.map(d => ({ source: s, destination: d, position })))
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
