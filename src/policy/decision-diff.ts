import { mergeEntries, type Entry, type LabelledChange, type Pairs } from './change-list.js'
import { outOfOrder } from './out-of-order.js'
import { PairDiff, type Compared, type Places, type PortChange } from './pair-diff.js'
import { PairRules, type Decisions } from './pair-rules.js'
import { partiesOf, type Party } from './parties.js'
import { PartyClasses, type PartyClass } from './party-classes.js'
import { ANY_KEY, placeOf, placesOf } from './places.js'
import { formatRule } from './rule-text.js'
import type { Rule } from './rule.js'
import type { Subject } from './subject.js'
import { waysOf } from './ways.js'

/** Datagrams that two policies decide differently. */
export type DecisionChange = LabelledChange

/** What two policies decide differently. */
export interface DecisionDiff {
  /** Each such datagram is in one of them. */
  readonly changes: readonly DecisionChange[]
  /**
   * So many pairs of domains were not compared, as that would have taken too long, and no change is
   * said to be about them; 0 when the changes are all there are.
   */
  readonly pairsLeftOut: number
}

/** What comparing is held to. */
export interface DiffBounds {
  /** About so many rectangles of ports are looked at. */
  readonly stepsMax: number
  /** Exceptions are spelled out where they are about no more parties than this. */
  readonly separatedMax: number
}

/** Some seconds of work. */
const DEFAULT_BOUNDS: DiffBounds = { stepsMax: 15_000_000, separatedMax: 256 }

/**
 * Which datagrams two policies decide differently: exactly, over all ports and types, between all
 * domains that are known or named, and any other. That another rule decides the same is no change.
 * @param now when they are compared, in milliseconds since the epoch.
 */
export function diffDecisions(
  before: Decisions,
  after: Decisions,
  domains: readonly Subject[],
  now: number,
  bounds: Partial<DiffBounds> = {},
): DecisionDiff {
  const rules = [new PairRules(before, now), new PairRules(after, now)] as const
  const parties = partiesOf([before, after], rules, domains)
  return new DiffSearch(parties, rules, { ...DEFAULT_BOUNDS, ...bounds }).run()
}

/** What is said of some pairs. */
type Said = ReadonlyMap<PortChange, Entry>

const NOTHING: Said = new Map()
const ANY_PLACE = { key: ANY_KEY, ports: undefined }
const ANY_PLACES: Places = [[ANY_PLACE], [ANY_PLACE]]

/**
 * Goes from the many who are alike to the few who are not: from `*` to `*`, from `*` to classes of
 * parties and from them to it, from class to class, and between two parties that a rule names
 * together. What is found for the wide holds for the narrow too, unless rules about these make a
 * difference. So there are as many pairs to look at as rules bring together, not as many as there
 * are domains.
 */
class DiffSearch {
  readonly #parties: readonly Party[]
  readonly #rules: readonly [PairRules, PairRules]
  readonly #bounds: DiffBounds
  readonly #pairDiff: PairDiff
  readonly #sources: PartyClasses
  readonly #destinations: PartyClasses
  readonly #touched: Touched
  /** Whoever `*` means, but for those who are left out. */
  readonly #anySource: { parties: readonly Party[] }
  readonly #anyDestination: { parties: readonly Party[] }
  /** Classes that rules from `*` speak of, and those from which rules to `*` do. */
  readonly #open: ReadonlySet<PartyClass>
  readonly #broad = new Set<PartyClass>()

  readonly #entries: Entry[] = []
  #saidOfAny = NOTHING
  readonly #saidFrom = new Map<PartyClass, Said>()
  readonly #saidTo = new Map<PartyClass, Said>()
  readonly #saidOfPair = new Map<PartyClass, Map<PartyClass, Said>>()

  /** Classes of which nothing is said, the same by pairs, and how many pairs of domains that is. */
  readonly #sourcesLeftOut = new Set<PartyClass>()
  readonly #destinationsLeftOut = new Set<PartyClass>()
  readonly #classesLeftOut = new Map<PartyClass, Set<PartyClass>>()
  #pairsLeftOut = 0

  constructor(
    parties: readonly Party[],
    rules: readonly [PairRules, PairRules],
    bounds: DiffBounds,
  ) {
    this.#parties = parties
    this.#bounds = bounds
    this.#rules = rules
    const [before, after] = comparedOf(...rules)
    this.#pairDiff = new PairDiff(before, after, bounds.stepsMax)
    this.#sources = new PartyClasses('source', parties, rules)
    this.#destinations = new PartyClasses('destination', parties, rules)
    this.#touched = new Touched(before, after, this.#destinations.all)
    this.#anySource = { parties: anyOf(this.#sources, this.#sourcesLeftOut) }
    this.#anyDestination = { parties: anyOf(this.#destinations, this.#destinationsLeftOut) }
    this.#open = new Set(this.#destinations.at(this.#specificDestinations([ANY_KEY])))
  }

  run(): DecisionDiff {
    if (this.#touched.hasWay([ANY_KEY], [ANY_KEY])) {
      const found = this.#pairDiff.between(ANY_PLACES, ANY_PLACES)
      // About everybody else there are these rules and more.
      if (found === undefined) {
        return { changes: [], pairsLeftOut: countLabels(this.#parties) ** 2 }
      }
      this.#saidOfAny = this.#say(found, [], [this.#anySource, this.#anyDestination])
    }
    for (const to of this.#open) this.#lookTo(to)
    for (const from of this.#sources.all) this.#lookFrom(from)
    this.#countLeftOut()
    this.#lookAtNamed()
    this.#anySource.parties = anyOf(this.#sources, this.#sourcesLeftOut)
    this.#anyDestination.parties = anyOf(this.#destinations, this.#destinationsLeftOut)
    const changes = mergeEntries(this.#entries, this.#parties, this.#bounds.separatedMax)
    return { changes, pairsLeftOut: this.#pairsLeftOut }
  }

  /** From `*` to a class. */
  #lookTo(to: PartyClass): void {
    if (!to.isMoved && !this.#touched.hasWay([ANY_KEY], to.keys)) return
    const found = this.#pairDiff.between(ANY_PLACES, to.places)
    if (found === undefined) {
      this.#destinationsLeftOut.add(to)
      return
    }
    const wider = to.isAny ? [this.#saidOfAny] : []
    this.#saidTo.set(to, this.#say(found, wider, [this.#anySource, to]))
  }

  /** From a class to `*`, and to classes. */
  #lookFrom(from: PartyClass): void {
    const keys = [...from.keys].filter(key => key !== ANY_KEY)
    if (keys.length === 0 || !this.#touched.isFrom(from)) return
    if (this.#pairDiff.isSpent) {
      this.#sourcesLeftOut.add(from)
      return
    }
    const specific = this.#specificDestinations(keys)
    if (this.#rules.some(rules => rules.destinationsFrom(keys).has(ANY_KEY))) {
      this.#broad.add(from)
      if (from.isMoved || this.#touched.hasWay(from.keys, [ANY_KEY])) {
        const found = this.#pairDiff.between(from.places, ANY_PLACES)
        if (found === undefined) {
          this.#sourcesLeftOut.add(from)
          return
        }
        const wider = from.isAny ? [this.#saidOfAny] : []
        this.#saidFrom.set(from, this.#say(found, wider, [from, this.#anyDestination]))
      }
    }
    const open = this.#broad.has(from) && from.isAny ? this.#open : []
    for (const to of new Set([...this.#destinations.at(specific), ...open])) {
      if (!this.#destinationsLeftOut.has(to) && this.#touched.isPair(from, to)) {
        this.#lookAtClasses(from, to)
      }
    }
  }

  #lookAtClasses(from: PartyClass, to: PartyClass): void {
    const found = this.#pairDiff.between(from.places, to.places)
    if (found === undefined) add(this.#classesLeftOut, from, to)
    let row = this.#saidOfPair.get(from)
    if (row === undefined) this.#saidOfPair.set(from, (row = new Map<PartyClass, Said>()))
    row.set(to, this.#say(found ?? [], this.#widerThan(from, to), [from, to]))
  }

  /** Between parties that a rule names together. */
  #lookAtNamed(): void {
    const byName = new Map(this.#parties.map(party => [party.subject.name, party]))
    const blocks = new Map(this.#parties.map(party => [party, { parties: [party] }]))
    const named = new Map<Party, Set<Party>>()
    for (const { source, destination } of this.#rules.flatMap(({ ways }) => ways)) {
      if (source.kind !== 'name' || destination.kind !== 'name') continue
      add(named, byName.get(source.name)!, byName.get(destination.name)!)
    }
    for (const [from, destinations] of named) {
      for (const to of destinations) {
        const [source, destination] = [this.#sources.of(from), this.#destinations.of(to)]
        const isTouched =
          this.#touched.isPair(source, destination) ||
          this.#touched.hasWay([from.subject.name], [to.subject.name])
        if (!isTouched) continue
        const found = this.#pairDiff.between(this.#placesOf(from), this.#placesOf(to))
        const isLeftOut = this.#isLeftOut(source, destination)
        if (isLeftOut !== (found === undefined)) this.#pairsLeftOut += isLeftOut ? -1 : 1
        const wider = isLeftOut ? [] : [this.#saidOf(source, destination)]
        this.#say(found ?? [], wider, [blocks.get(from)!, blocks.get(to)!])
      }
    }
  }

  /**
   * Says what was found about some pairs, as far as it is not said of them already, and takes back
   * what is said and was not found.
   * @param wider what is said of pairs that these are among.
   * @returns what is said of them now.
   */
  #say(found: readonly PortChange[], wider: readonly Said[], pairs: Pairs): Said {
    const saying = new Map<PortChange, Set<Entry>>()
    for (const said of wider) {
      for (const [change, entry] of said) {
        // What is said from `*` to `*` is taken back here already where it is for one of these.
        const isTakenBack =
          this.#saidOfAny.get(change) === entry && wider.some(each => each.get(change) !== entry)
        if (!isTakenBack) add(saying, change, entry)
      }
    }
    const said = new Map<PortChange, Entry>()
    for (const change of found) {
      const [entry = { change, pairs, except: [] }] = saying.get(change) ?? []
      if (saying.get(change)?.delete(entry) !== true) this.#entries.push(entry)
      said.set(change, entry)
    }
    for (const entries of saying.values()) for (const { except } of entries) except.push(pairs)
    return said
  }

  #widerThan(from: PartyClass, to: PartyClass): Said[] {
    const wider: Said[] = []
    if (from.isAny && this.#open.has(to)) wider.push(this.#saidTo.get(to) ?? NOTHING)
    if (to.isAny && this.#broad.has(from)) wider.push(this.#saidFrom.get(from) ?? NOTHING)
    return wider.length === 0 && from.isAny && to.isAny ? [this.#saidOfAny] : wider
  }

  #saidOf(from: PartyClass, to: PartyClass): Said {
    // Where two wider ones speak of a pair, it has been looked at by itself.
    return this.#saidOfPair.get(from)?.get(to) ?? this.#widerThan(from, to)[0] ?? NOTHING
  }

  #isLeftOut(from: PartyClass, to: PartyClass): boolean {
    return (
      this.#sourcesLeftOut.has(from) ||
      this.#destinationsLeftOut.has(to) ||
      this.#classesLeftOut.get(from)?.has(to) === true
    )
  }

  #countLeftOut(): void {
    const [all, count] = [countLabels(this.#parties), countLabels]
    const sources = count(partiesIn([...this.#sourcesLeftOut]))
    const destinations = count(partiesIn([...this.#destinationsLeftOut]))
    this.#pairsLeftOut = sources * all + destinations * (all - sources)
    for (const [from, to] of this.#classesLeftOut) {
      this.#pairsLeftOut += count(from.parties) * count(partiesIn([...to]))
    }
  }

  /** Where rules from some places lead, `*` aside. */
  #specificDestinations(sources: readonly string[]): Set<string> {
    const found = new Set(this.#rules.flatMap(rules => [...rules.destinationsFrom(sources)]))
    found.delete(ANY_KEY)
    return found
  }

  #placesOf({ subject }: Party): Places {
    const [old, young] = this.#rules
    return [placesOf(subject, old.membership), placesOf(subject, young.membership)]
  }
}

/** Tells about which pairs two policies may differ. */
class Touched {
  /** Destinations by source of rules that are in one policy only, or in another order. */
  readonly #ways = new Map<string, Set<string>>()
  readonly #isAnyMoved: boolean

  constructor(before: Compared, after: Compared, destinations: readonly PartyClass[]) {
    this.#isAnyMoved = destinations.some(({ isMoved }) => isMoved)
    for (const { rules, changed } of [before, after]) {
      for (const position of changed) {
        for (const { source, destination } of waysOf(rules.rules[position - 1]!)) {
          add(this.#ways, placeOf(source), placeOf(destination))
        }
      }
    }
  }

  /** True when such a rule leads from one of some places to one of others. */
  hasWay(sources: Iterable<string>, destinations: Iterable<string>): boolean {
    for (const source of sources) {
      const ways = this.#ways.get(source)
      if (ways === undefined) continue
      for (const destination of destinations) if (ways.has(destination)) return true
    }
    return false
  }

  /** True when there may be a pair with this source. */
  isFrom({ isMoved, keys }: PartyClass): boolean {
    return isMoved || this.#isAnyMoved || [...keys].some(key => this.#ways.has(key))
  }

  isPair(from: PartyClass, to: PartyClass): boolean {
    return from.isMoved || to.isMoved || this.hasWay(from.keys, to.keys)
  }
}

/** Policies with the rules that are in one of them only, or in another order. */
function comparedOf(old: PairRules, young: PairRules): [Compared, Compared] {
  const rest = outOfOrder(old.rules.map(meaningOf), young.rules.map(meaningOf))
  const positions = (indexes: readonly number[]): Set<number> =>
    new Set(indexes.map(index => index + 1))
  return [
    { rules: old, changed: positions(rest.before) },
    { rules: young, changed: positions(rest.after) },
  ]
}

/** What a rule means for a decision. */
function meaningOf(rule: Rule): string {
  return formatRule({ ...rule, comment: '', log: undefined })
}

function anyOf({ all }: PartyClasses, leftOut: ReadonlySet<PartyClass>): Party[] {
  return partiesIn(all.filter(each => each.isAny && !leftOut.has(each)))
}

function partiesIn(classes: readonly PartyClass[]): Party[] {
  return classes.flatMap(({ parties }) => parties)
}

function countLabels(parties: readonly Party[]): number {
  return parties.reduce((sum, { labels }) => sum + labels.length, 0)
}

function add<K, V>(sets: Map<K, Set<V>>, key: K, value: V): void {
  const set = sets.get(key)
  if (set === undefined) sets.set(key, new Set([value]))
  else set.add(value)
}
