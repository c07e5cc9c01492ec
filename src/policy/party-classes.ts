import { placesText, type PairRules } from './pair-rules.js'
import type { Places } from './pair-diff.js'
import type { Party } from './parties.js'
import { ANY_KEY, placeOf, placesOf, type Place } from './places.js'

/** Parties that are looked at as one. */
export interface Block {
  readonly parties: readonly Party[]
}

/** Parties that two policies can't tell apart on one side, rules from one name to another aside. */
export interface PartyClass extends Block {
  /** Where the rules speak of them, such rules aside. */
  readonly places: Places
  readonly keys: ReadonlySet<string>
  /** Whether they are in other places than they were. */
  readonly isMoved: boolean
  /** Whether they are among those that `*` means. */
  readonly isAny: boolean
}

type Side = 'source' | 'destination'

/** Everybody on one side of two policies, in classes. */
export class PartyClasses {
  readonly all: readonly PartyClass[]
  readonly #byKey = new Map<string, number[]>()
  readonly #byParty = new Map<Party, PartyClass>()

  constructor(side: Side, parties: readonly Party[], rules: readonly [PairRules, PairRules]) {
    const spoken = new Set<string>()
    for (const { source, destination } of rules.flatMap(each => each.ways)) {
      if (source.kind === 'name' && destination.kind === 'name') continue
      spoken.add(placeOf(side === 'source' ? source : destination))
    }
    const classes = new Map<string, PartyClass & { readonly parties: Party[] }>()
    for (const party of parties) {
      const placesIn = ({ membership }: PairRules): Place[] =>
        placesOf(party.subject, membership).filter(({ key }) => key === ANY_KEY || spoken.has(key))
      const places: Places = [placesIn(rules[0]), placesIn(rules[1])]
      const texts = places.map(placesText)
      const id = texts.join('|')
      let found = classes.get(id)
      if (found === undefined) {
        const keys = new Set(places.flat().map(({ key }) => key))
        const isMoved = texts[0] !== texts[1]
        found = { parties: [], places, keys, isMoved, isAny: keys.has(ANY_KEY) }
        classes.set(id, found)
      }
      found.parties.push(party)
      this.#byParty.set(party, found)
    }
    this.all = [...classes.values()]
    for (const [index, { keys }] of this.all.entries()) {
      for (const key of keys) {
        const found = this.#byKey.get(key)
        if (found === undefined) this.#byKey.set(key, [index])
        else found.push(index)
      }
    }
  }

  /** The class that a party is in. */
  of(party: Party): PartyClass {
    return this.#byParty.get(party)!
  }

  /** Those in any of the places, each once, in the order of `all`. */
  at(keys: Iterable<string>): PartyClass[] {
    const found = new Set<number>()
    for (const key of keys) for (const index of this.#byKey.get(key) ?? []) found.add(index)
    return [...found].sort((a, b) => a - b).map(index => this.all[index]!)
  }
}
