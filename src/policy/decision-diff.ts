import { MESSAGE_TYPES, type MessageType } from '../abi/addr.js'
import { PairRules, placesText, type Decisions } from './pair-rules.js'
import { partiesOf, PartyIndex, type Party } from './parties.js'
import { placeOf, placesOf } from './places.js'
import type { PortRectangle } from './port-index.js'
import { clip, portRegions, type PortRegion } from './port-regions.js'
import { outOfOrder } from './out-of-order.js'
import { formatRuleOption } from './rule-option.js'
import { formatRule } from './rule-text.js'
import { DEFAULT_ID, lets, RULE_WORDS, type Action, type Rule, type RuleType } from './rule.js'
import type { PortRange } from './selector.js'
import type { Subject } from './subject.js'

/** What a policy does with some datagrams. */
export interface Decision {
  readonly action: Action
  /** The id of the rule, or `default`. */
  readonly rule: string
  /** The action and the limits it goes with, such as `accept max_bytes 1000 rate 10/s`. */
  readonly effect: string
}

/** Datagrams that two policies decide differently. */
export interface DecisionChange {
  /** Who sends, as a party's labels. */
  readonly from: readonly string[]
  readonly sourcePorts: PortRange
  readonly to: readonly string[]
  readonly destinationPorts: PortRange
  /** any for both types. */
  readonly type: RuleType
  readonly before: Decision
  readonly after: Decision
  /** Whether they now get through and did not, or the other way round, or neither. */
  readonly kind: 'admitted' | 'refused' | 'changed'
}

const TYPES = Object.keys(MESSAGE_TYPES) as MessageType[]
const EFFECT_FIELDS = ['maxBytes', 'rate', 'burst', 'flowRate', 'flowBurst', 'quota'] as const

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
): DecisionChange[] {
  const old = new PairRules(before, now)
  const young = new PairRules(after, now)
  const parties = partiesOf([before, after], [old, young], domains)
  const touched = new Touched(parties, old, young)
  return parties.flatMap(from =>
    touched.destinationsOf(from).flatMap(to => diffPair(old, young, from, to)),
  )
}

/** What a rule does with a datagram, or what is done without one. */
export function decisionOf(rule: Rule | null): Decision {
  if (rule === null) return { action: 'reject', rule: DEFAULT_ID, effect: 'reject' }
  const limits = EFFECT_FIELDS.flatMap(field => {
    const value = formatRuleOption(field, rule)
    return value === undefined ? [] : `${RULE_WORDS[field]} ${value}`
  })
  return { action: rule.action, rule: rule.id, effect: [rule.action, ...limits].join(' ') }
}

function diffPair(old: PairRules, young: PairRules, from: Party, to: Party): DecisionChange[] {
  const [dgrams, streams] = TYPES.map(type =>
    diffRectangles(
      effectsOf(old, from, to, type),
      effectsOf(young, from, to, type),
      (a, b, sourcePorts, destinationPorts) => {
        const before = decisionOf(old.rules[a - 1] ?? null)
        const after = decisionOf(young.rules[b - 1] ?? null)
        if (before.effect === after.effect) return undefined
        const ends = { from: from.labels, sourcePorts, to: to.labels, destinationPorts }
        return { ...ends, type, before, after, kind: kindOf(before, after) }
      },
    ),
  )
  const keyOf = (change: DecisionChange): string => JSON.stringify({ ...change, type: 'any' })
  const byKey = new Map(streams!.map(change => [keyOf(change), change]))
  const merged = dgrams!.map(change =>
    byKey.delete(keyOf(change)) ? { ...change, type: 'any' as const } : change,
  )
  return [...merged, ...byKey.values()]
}

function kindOf(before: Decision, after: Decision): DecisionChange['kind'] {
  if (lets(before.action) === lets(after.action)) return 'changed'
  return lets(after.action) ? 'admitted' : 'refused'
}

/** A rectangle and what its rule does there. */
interface Effect {
  readonly rectangle: PortRectangle
  /** The ports and the effect; two of the same key are the same to a datagram. */
  readonly key: string
}

function effectsOf(rules: PairRules, from: Party, to: Party, type: MessageType): Effect[] {
  return rules.rectangles(from.subject, to.subject, type).map(rectangle => {
    const { source, destination, position } = rectangle
    const { effect } = decisionOf(rules.rules[position - 1]!)
    return {
      rectangle,
      key: [source.min, source.max, destination.min, destination.max, effect].join(),
    }
  })
}

/**
 * Where two lists of rectangles decide differently. What is in both lists in the same order is
 * decided alike wherever nothing else is, so only the area of the rest is looked at: after the
 * edit of one rule among thousands that is little.
 */
function diffRectangles(
  before: readonly Effect[],
  after: readonly Effect[],
  differ: (
    before: number,
    after: number,
    source: PortRange,
    destination: PortRange,
  ) => DecisionChange | undefined,
): DecisionChange[] {
  const touched = touchedOf(before, after)
  if (touched.length === 0) return []
  const changes: DecisionChange[] = []
  for (const area of portRegions(touched)) {
    if (area.position === 0) continue
    const regionsOf = (effects: readonly Effect[]): PortRegion[] =>
      clip(
        portRegions(
          clip(
            effects.map(({ rectangle }) => rectangle),
            area,
          ),
        ),
        area,
      )
    const young = regionsOf(after)
    for (const a of regionsOf(before)) {
      for (const b of clip(young, a)) {
        const change = differ(a.position, b.position, b.source, b.destination)
        if (change !== undefined) changes.push(change)
      }
    }
  }
  return changes
}

/** Rectangles that are in one of the lists only, or in another order; all with position 1. */
function touchedOf(before: readonly Effect[], after: readonly Effect[]): PortRectangle[] {
  const keysOf = (effects: readonly Effect[]): string[] => effects.map(({ key }) => key)
  const rest = outOfOrder(keysOf(before), keysOf(after))
  const touched = [
    ...rest.before.map(index => before[index]!),
    ...rest.after.map(index => after[index]!),
  ]
  return touched.map(({ rectangle }) => ({ ...rectangle, position: 1 }))
}

/** Finds the pairs of parties about which two policies may differ. */
class Touched {
  readonly #index: PartyIndex
  /** Destinations by source of rules that are in one policy only, or in another order. */
  readonly #ways = new Map<string, Set<string>>()
  /** Parties that are in other places than they were. */
  readonly #moved: ReadonlySet<Party>
  readonly #parties: readonly Party[]
  readonly #rules: readonly PairRules[]

  constructor(parties: readonly Party[], old: PairRules, young: PairRules) {
    this.#parties = parties
    this.#rules = [old, young]
    this.#index = new PartyIndex(parties, this.#rules)
    const textOf = ({ membership }: PairRules, { subject }: Party): string =>
      placesText(placesOf(subject, membership))
    this.#moved = new Set(parties.filter(party => textOf(old, party) !== textOf(young, party)))
    const rest = outOfOrder(old.rules.map(meaningOf), young.rules.map(meaningOf))
    for (const index of rest.before) this.#addRule(old.rules[index]!)
    for (const index of rest.after) this.#addRule(young.rules[index]!)
  }

  /** Those to which datagrams of a party may fare otherwise than they did. */
  destinationsOf(from: Party): readonly Party[] {
    if (this.#moved.has(from)) return this.#parties
    const keys = this.#rules.flatMap(rules => rules.keysOf(from.subject))
    const found = new Set(this.#index.at(keys.flatMap(key => [...(this.#ways.get(key) ?? [])])))
    if (this.#moved.size === 0) return [...found]
    return this.#parties.filter(party => found.has(party) || this.#moved.has(party))
  }

  #addRule({ source, destination, replies }: Rule): void {
    this.#addWay(placeOf(source), placeOf(destination))
    if (replies) this.#addWay(placeOf(destination), placeOf(source))
  }

  #addWay(source: string, destination: string): void {
    const destinations = this.#ways.get(source)
    if (destinations === undefined) this.#ways.set(source, new Set([destination]))
    else destinations.add(destination)
  }
}

/** What a rule means for a decision. */
function meaningOf(rule: Rule): string {
  return formatRule({ ...rule, comment: '', log: undefined })
}
