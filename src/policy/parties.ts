import { CONTROL_NAME } from '../abi/addr.js'
import type { Decisions, PairRules } from './pair-rules.js'
import type { NameSelector, Selector, TagSelector } from './selector.js'
import type { Subject } from './subject.js'

/** Domains that a policy, or two of them, can't tell apart. */
export interface Party {
  /**
   * Who they are: names of domains, `tag:x` for a domain of which only that tag is known, and `*`
   * for any domain that is not among the others.
   */
  readonly labels: readonly string[]
  /** One that stands for all. */
  readonly subject: Subject
}

/** Stands for any domain that nobody has named. */
export const STRANGER = '*'

/**
 * Everybody a policy can be asked about: the domains that are known, those that it names, one for
 * each tag it speaks of that none of these has, the control domain, and anybody else. Those that
 * all of `rules` decide alike are one party.
 * @param domains as far as known, with their own tags.
 */
export function partiesOf(
  policies: readonly Decisions[],
  rules: readonly PairRules[],
  domains: readonly Subject[],
): Party[] {
  const people = new Map(domains.map(domain => [domain.name, domain]))
  const named = policies.flatMap(selectorsOf)
  const names = [
    ...named.flatMap(who => (who.kind === 'name' ? who.name : [])),
    ...policies.flatMap(({ tags }) => tags.flatMap(tag => tag.domains)),
    CONTROL_NAME,
  ]
  for (const name of names) if (!people.has(name)) people.set(name, { name, tags: [] })
  const had = new Set([...people.values()].flatMap(({ tags }) => tags))
  for (const { membership } of rules) {
    for (const name of people.keys()) for (const tag of membership.tagsOf(name)) had.add(tag)
  }
  for (const who of named) {
    if (who.kind === 'tag' && !had.has(who.tag)) {
      people.set(`tag:${who.tag}`, { name: '', tags: [who.tag] })
    }
  }
  people.set(STRANGER, { name: '', tags: [] })

  const parties = new Map<string, { labels: string[]; subject: Subject }>()
  for (const [label, subject] of people) {
    const isControl = subject.name === CONTROL_NAME
    const key = `${isControl}|${rules.map(each => each.signature(subject)).join('|')}`
    const party = parties.get(key)
    if (party === undefined) parties.set(key, { labels: [label], subject })
    else party.labels.push(label)
  }
  return [...parties.values()]
}

/** Finds parties by the places that rules speak of. */
export class PartyIndex {
  readonly #byKey = new Map<string, Set<number>>()
  readonly #parties: readonly Party[]

  constructor(parties: readonly Party[], rules: readonly PairRules[]) {
    this.#parties = parties
    for (const [index, { subject }] of parties.entries()) {
      for (const key of rules.flatMap(each => each.keysOf(subject))) {
        const found = this.#byKey.get(key)
        if (found === undefined) this.#byKey.set(key, new Set([index]))
        else found.add(index)
      }
    }
  }

  /** Those in any of the places, in the order in which they were given. */
  at(keys: Iterable<string>): Party[] {
    const found = new Set<number>()
    for (const key of keys) for (const index of this.#byKey.get(key) ?? []) found.add(index)
    return [...found].sort((a, b) => a - b).map(index => this.#parties[index]!)
  }
}

/** Whom rules and sets speak of. */
function selectorsOf({ rules, sets }: Decisions): (Selector | NameSelector | TagSelector)[] {
  return [
    ...rules.flatMap(({ source, destination }) => [source, destination]),
    ...sets.flatMap(({ elements }) => elements),
  ]
}
