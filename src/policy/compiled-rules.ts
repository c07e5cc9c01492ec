import { indexNames, slotsFor, type IndexedNames } from './name-index.js'
import { placeOf } from './places.js'
import { addPortIndex, portIndexes, type PortRectangle } from './port-index.js'
import { hasLimits, lets, RULE_TYPES, type Rule, type RuleType } from './rule.js'
import type { Selector } from './selector.js'
import { WordList } from './word-list.js'

/**
 * Rules filed under whom they mean as source, then under whom they mean as destination. All of it
 * is in a few long arrays, so that one thread can make it and another use it: it takes no time to
 * hand over, and leaves nothing to the garbage collector however many rules there are. `RuleIndex`
 * reads it.
 */
export interface CompiledRules {
  /** Whom rules mean, by numbers: keys of places. */
  readonly places: IndexedNames
  /** By the number of a place, whether rules mean it as AS_SOURCE, AS_DESTINATION or both. */
  readonly roles: Uint8Array
  /** A hash table by two places with room to spare: a group's number and one more, or 0. */
  readonly pairs: Int32Array
  /** Groups of rules between the same two places, GROUP_WORDS for each. */
  readonly groups: Int32Array
  /** What `addPortIndex` made of the rules of each group that are for good. */
  readonly ports: Uint32Array
  /** The other rules of each group, TEMPORARY_NUMBERS for each in rising order of position. */
  readonly temporary: Float64Array
  /** By position, 1 for rules that accept whatever they speak of. */
  readonly plain: Uint8Array
  /** The positions of rules that let datagrams through, but not all of them. */
  readonly limited: Uint32Array
}

/** The parts of `roles`. */
export const AS_SOURCE = 1
export const AS_DESTINATION = 2

/** What stands where in a group. */
export const GROUP_WORDS = 7
export const GROUP = {
  source: 0,
  destination: 1,
  /** The port indexes of rules for any type of message, and for each of the types. */
  any: 2,
  dgram: 3,
  stream: 4,
  /** The first of its temporary rules, and how many there are. */
  temporary: 5,
  temporaryCount: 6,
} as const

/** What stands where in a temporary rule; its type is its place in RULE_TYPES. */
export const TEMPORARY_NUMBERS = 7
export const TEMPORARY = {
  sourceMin: 0,
  sourceMax: 1,
  destinationMin: 2,
  destinationMax: 3,
  position: 4,
  type: 5,
  expires: 6,
} as const

/** A rule that is not for good: in no index, so that it can be taken out again. */
interface Temporary extends PortRectangle {
  readonly type: RuleType
  readonly expires: number
}

/** The rules of a group: those for good by type of message, and the others. */
interface Draft extends Record<RuleType, PortRectangle[]> {
  readonly source: number
  readonly destination: number
  temporary: Temporary[]
}

/** Stands for a list that nothing has been put into yet: most groups need one list only. */
const NONE: never[] = []

/** Compiles rules, given in the order in which they are asked. */
export function compileRules(rules: readonly Rule[]): CompiledRules {
  const filing = new Filing()
  const plain = new Uint8Array(rules.length + 1)
  const limited: number[] = []
  for (const [index, rule] of rules.entries()) {
    const position = index + 1
    const { source, destination, replies, action } = rule
    filing.file(rule, source, destination, position)
    if (replies) filing.file(rule, destination, source, position)
    if (!hasLimits(rule)) plain[position] = action === 'accept' ? 1 : 0
    else if (lets(action)) limited.push(position)
  }
  return { ...filing.compiled(), plain, limited: Uint32Array.from(limited) }
}

/** Where a pair of places is looked for first, in a table of so many slots. */
export function pairSlot(source: number, destination: number, slots: number): number {
  const hash = Math.imul(source, 0x9e3779b1) ^ Math.imul(destination, 0x85ebca6b)
  return (hash ^ (hash >>> 15)) & (slots - 1)
}

class Filing {
  readonly #places = new Map<string, number>()
  readonly #rows: Map<number, Draft>[] = []
  readonly #drafts: Draft[] = []

  file(rule: Rule, source: Selector, destination: Selector, position: number): void {
    const draft = this.#draftOf(this.#numberOf(source), this.#numberOf(destination))
    const { type, expires } = rule
    const rectangle = { source: source.ports, destination: destination.ports, position }
    if (expires === undefined) draft[type] = added(draft[type], rectangle)
    else draft.temporary = added(draft.temporary, { ...rectangle, type, expires })
  }

  compiled(): Omit<CompiledRules, 'plain' | 'limited'> {
    const roles = new Uint8Array(this.#places.size)
    const pairs = new Int32Array(slotsFor(this.#drafts.length))
    const groups = new WordList()
    const ports = portIndexes()
    const temporary: number[] = []
    for (const [number, draft] of this.#drafts.entries()) {
      const { source, destination } = draft
      roles[source]! |= AS_SOURCE
      roles[destination]! |= AS_DESTINATION
      let slot = pairSlot(source, destination, pairs.length)
      while (pairs[slot] !== 0) slot = (slot + 1) & (pairs.length - 1)
      pairs[slot] = number + 1
      groups.append([
        source,
        destination,
        addPortIndex(draft.any, ports),
        addPortIndex(draft.dgram, ports),
        addPortIndex(draft.stream, ports),
        temporary.length / TEMPORARY_NUMBERS,
        draft.temporary.length,
      ])
      for (const rule of draft.temporary) temporary.push(...numbersOf(rule))
    }
    return {
      places: indexNames([...this.#places.keys()]),
      roles,
      pairs,
      groups: new Int32Array(groups.toArray().buffer),
      ports: ports.toArray(),
      temporary: Float64Array.from(temporary),
    }
  }

  #numberOf(selector: Selector): number {
    const place = placeOf(selector)
    let number = this.#places.get(place)
    if (number === undefined) {
      number = this.#places.size
      this.#places.set(place, number)
      this.#rows.push(new Map())
    }
    return number
  }

  #draftOf(source: number, destination: number): Draft {
    const row = this.#rows[source]!
    let draft = row.get(destination)
    if (draft === undefined) {
      draft = { source, destination, any: NONE, dgram: NONE, stream: NONE, temporary: NONE }
      row.set(destination, draft)
      this.#drafts.push(draft)
    }
    return draft
  }
}

// In the order of TEMPORARY.
function numbersOf({ source, destination, position, type, expires }: Temporary): number[] {
  const ports = [source.min, source.max, destination.min, destination.max]
  return [...ports, position, RULE_TYPES.indexOf(type), expires]
}

function added<T>(list: T[], item: T): T[] {
  if (list === NONE) return [item]
  list.push(item)
  return list
}
