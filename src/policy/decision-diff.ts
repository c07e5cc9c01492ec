import { MESSAGE_TYPES, type MessageType } from '../abi/addr.js'
import { PairRules, type Decisions } from './pair-rules.js'
import { partiesOf, type Party } from './parties.js'
import type { PortRectangle } from './port-index.js'
import { clip, portRegions, type PortRegion } from './port-regions.js'
import { longestRising } from './longest-rising.js'
import { formatRuleOption } from './rule-option.js'
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
const EFFECT_FIELDS = ['maxBytes', 'rate', 'burst', 'flowRate', 'flowBurst'] as const

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
  const changes: DecisionChange[] = []
  for (const from of parties) {
    for (const to of parties) changes.push(...diffPair(old, young, from, to))
  }
  return changes
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
  const placesByKey = new Map<string, number[]>()
  for (const [index, { key }] of before.entries()) {
    const places = placesByKey.get(key)
    if (places === undefined) placesByKey.set(key, [index])
    else places.push(index)
  }
  const used = new Map<string, number>()
  const places = after.map(({ key }) => {
    const nth = used.get(key) ?? 0
    used.set(key, nth + 1)
    return placesByKey.get(key)?.[nth]
  })
  const kept = longestRising(places.flatMap(place => place ?? []))
  const touched = [
    ...before.filter((_, index) => !kept.has(index)),
    ...after.filter((_, index) => !kept.has(places[index] ?? -1)),
  ]
  return touched.map(({ rectangle }) => ({ ...rectangle, position: 1 }))
}
