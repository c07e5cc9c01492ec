import { MESSAGE_TYPES, type MessageType } from '../abi/addr.js'
import { Membership } from './membership.js'
import { PairRules, type Decisions } from './pair-rules.js'
import { placeOf, placesOf } from './places.js'
import type { PortRectangle } from './port-index.js'
import { clip, firstAnywhere, intersect, rangesMeet, sweepCost } from './port-regions.js'
import { formatRule } from './rule-text.js'
import { lets, type Rule } from './rule.js'
import { isExpired, type PortRange, type Selector } from './selector.js'
import type { Subject } from './subject.js'
import { waysOf, type Way } from './ways.js'

/** Why a rule does not decide about all, or anything, of what it speaks of. */
export interface Covered {
  readonly code: 'duplicate' | 'shadowed' | 'unreachable' | 'overlap'
  /** The ids of the rules that come first. */
  readonly by: readonly string[]
  /** The first of them on one line. */
  readonly text: string
}

/**
 * Someone a selector certainly means, with no more known about him than that: whatever comes first
 * for him comes first for everybody the selector means.
 */
interface Atom {
  readonly subject: Subject
  readonly ports: PortRange
}

/** What the lasting rules say about a pair of atoms. */
interface View {
  /** In rising order of position. */
  readonly rectangles: readonly PortRectangle[]
  /** Those of rules that let something through, and the others. */
  readonly open: readonly PortRectangle[]
  readonly shut: readonly PortRectangle[]
  /** Positions of those that come first anywhere; undefined where it takes too long to find out. */
  readonly first: ReadonlySet<number> | undefined
}

type Area = Pick<PortRectangle, 'source' | 'destination'>
type AreaView = View & { readonly area: Area }

/** Pairs of elements of two sets that are looked at; a rule about more of them counts as sound. */
const PAIRS_MAX = 4_096
/** Rules that cross each other by the thousand between one pair are not looked into. */
const COST_MAX = 20_000_000
const TYPES = Object.keys(MESSAGE_TYPES) as MessageType[]

/**
 * Rules that never decide because of rules before them, and those of which a part is decided the
 * opposite way by a rule that is neither a mere exception of them nor a guard. Whatever is found is so for any
 * domains there may ever be; rules and elements of sets that will expire are not counted on.
 * @param domains as far as known, with their own tags.
 */
export function findCovered(
  policy: Decisions,
  domains: readonly Subject[],
  now: number,
): Map<Rule, Covered> {
  return new CoverSearch(policy, domains, now).run()
}

class CoverSearch {
  readonly #policy: Decisions
  readonly #tags: ReadonlyMap<string, readonly string[]>
  readonly #now: number
  readonly #lasting: PairRules
  /** Who is in which set now. */
  readonly #members: Membership
  readonly #views = new Map<string, View>()

  constructor(policy: Decisions, domains: readonly Subject[], now: number) {
    this.#policy = policy
    this.#tags = new Map(domains.map(({ name, tags }) => [name, tags]))
    this.#now = now
    // What will expire must not cover what stays, so it counts as gone already.
    const rules = policy.rules.map(rule => (isLasting(rule) ? rule : { ...rule, expires: now }))
    const sets = policy.sets.map(set => ({ ...set, elements: set.elements.filter(isLasting) }))
    this.#lasting = new PairRules({ ...policy, rules, sets }, now)
    this.#members = new Membership(policy.sets, policy.tags)
    this.#members.expire(now)
  }

  run(): Map<Rule, Covered> {
    const covered = new Map<Rule, Covered>()
    const byText = new Map<string, Rule>()
    for (const [index, rule] of this.#policy.rules.entries()) {
      if (isExpired(rule, this.#now)) continue
      const text = formatRule({ ...rule, comment: '' })
      const same = byText.get(text)
      if (same !== undefined) {
        covered.set(rule, { code: 'duplicate', by: [same.id], text })
        continue
      }
      byText.set(text, rule)
      const found = this.#cover(rule, index + 1)
      if (found !== undefined) covered.set(rule, found)
    }
    return covered
  }

  #cover(rule: Rule, position: number): Covered | undefined {
    const pairs = waysOf(rule).flatMap(way => this.#pairsOf(way))
    // Without anybody it means, a rule is in vain for another reason.
    if (pairs.length === 0 || pairs.length > PAIRS_MAX) return undefined
    const types = rule.type === 'any' ? TYPES : [rule.type]
    const views = pairs.flatMap(({ from, to, area }) =>
      types.map(type => ({ area, ...this.#viewOf(from.subject, to.subject, type) })),
    )
    /** The positions that come first in the area the rule speaks of, its own among them. */
    const firstIn = ({ rectangles, area }: AreaView): number[] => {
      const before = rectangles.filter(other => other.position < position)
      const first = firstAnywhere([...clip(before, area), { ...area, position }])
      return [...first].filter(each => each > 0)
    }
    const isReached = views.some(
      view =>
        view.first === undefined ||
        view.first.has(position) ||
        // What will expire is not among the lasting, so it is put there for once.
        firstIn(view).includes(position),
    )
    if (!isReached) {
      const by = this.#rulesAt(new Set(views.flatMap(firstIn)))
      const code = by.length === 1 ? 'shadowed' : 'unreachable'
      return { code, by: by.map(({ id }) => id), text: formatRule(by[0]!) }
    }
    return this.#opposite(rule, position, views)
  }

  /** The first rule that decides about a part of another one the opposite way. */
  #opposite(rule: Rule, position: number, views: readonly AreaView[]): Covered | undefined {
    for (const { rectangles, open, shut, area } of views) {
      for (const rectangle of lets(rule.action) ? shut : open) {
        if (rectangle.position >= position) break
        if (!areasMeet(rectangle, area)) continue
        const other = this.#policy.rules[rectangle.position - 1]!
        const common = clip([rectangle], area)[0]!
        if (isGuard(other) || this.#isException(other, rule)) continue
        const earlier: PortRectangle[] = []
        for (const each of rectangles) {
          if (each.position > rectangle.position) break
          if (areasMeet(each, common)) earlier.push(each)
        }
        if (!firstAnywhere(clip(earlier, common)).has(rectangle.position)) continue
        return { code: 'overlap', by: [other.id], text: formatRule(other) }
      }
    }
    return undefined
  }

  /** True when everything a rule speaks of is a part of what the later one speaks of. */
  #isException(rule: Rule, later: Rule): boolean {
    if (later.type !== 'any' && later.type !== rule.type) return false
    return waysOf(rule).every(way =>
      this.#pairsOf(way).every(({ from, to, area }) =>
        waysOf(later).some(
          other =>
            this.#means(other.source, from, area.source) &&
            this.#means(other.destination, to, area.destination),
        ),
      ),
    )
  }

  /** True when a selector means an atom on all of some ports. */
  #means(selector: Selector, { subject }: Atom, ports: PortRange): boolean {
    const place = placesOf(subject, this.#members).find(({ key }) => key === placeOf(selector))
    if (place === undefined || !contains(selector.ports, ports)) return false
    return place.ports === undefined || place.ports.some(range => contains(range, ports))
  }

  #pairsOf({ source, destination }: Way): { from: Atom; to: Atom; area: Area }[] {
    const destinations = this.#atomsOf(destination)
    return this.#atomsOf(source).flatMap(from =>
      destinations.map(to => ({ from, to, area: { source: from.ports, destination: to.ports } })),
    )
  }

  #atomsOf(selector: Selector): Atom[] {
    const { ports } = selector
    switch (selector.kind) {
      case 'any':
        return [{ subject: { name: '', tags: [] }, ports }]
      case 'tag':
        return [{ subject: { name: '', tags: [selector.tag] }, ports }]
      case 'name': {
        const tags = this.#tags.get(selector.name) ?? []
        return [{ subject: { name: selector.name, tags }, ports }]
      }
      case 'set': {
        const set = this.#policy.sets.find(({ name }) => name === selector.set)
        const live = set?.elements.filter(element => !isExpired(element, this.#now)) ?? []
        return live.flatMap(element => {
          const common = intersect(ports, element.ports)
          return common === undefined ? [] : this.#atomsOf({ ...element, ports: common })
        })
      }
    }
  }

  #rulesAt(positions: ReadonlySet<number>): Rule[] {
    const sorted = [...positions].sort((a, b) => a - b)
    return sorted.map(position => this.#policy.rules[position - 1]!)
  }

  #viewOf(from: Subject, to: Subject, type: MessageType): View {
    const key = JSON.stringify([from, to, type])
    let view = this.#views.get(key)
    if (view === undefined) {
      const rectangles = this.#lasting.rectangles(from, to, type)
      const isOpen = ({ position }: PortRectangle): boolean =>
        lets(this.#policy.rules[position - 1]!.action)
      view = {
        rectangles,
        open: rectangles.filter(isOpen),
        shut: rectangles.filter(rectangle => !isOpen(rectangle)),
        first: sweepCost(rectangles) > COST_MAX ? undefined : firstAnywhere(rectangles),
      }
      this.#views.set(key, view)
    }
    return view
  }
}

/** True for a rule that shuts something for everybody: it is meant to cut into later ones. */
function isGuard({ action, source, destination }: Rule): boolean {
  return !lets(action) && (source.kind === 'any' || destination.kind === 'any')
}

function isLasting({ expires }: { readonly expires?: number | undefined }): boolean {
  return expires === undefined
}

// Asked for each two rules about the same pair, so it makes nothing.
function areasMeet(a: Area, b: Area): boolean {
  return rangesMeet(a.source, b.source) && rangesMeet(a.destination, b.destination)
}

function contains(outer: PortRange, inner: PortRange): boolean {
  return outer.min <= inner.min && inner.max <= outer.max
}
