import { MESSAGE_TYPES, type MessageType } from '../abi/addr.js'
import { PairRules, type Decisions } from './pair-rules.js'
import { partiesOf, type Party } from './parties.js'
import { intersect, portRegions, type PortRegion } from './port-regions.js'
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
  const [dgrams, streams] = TYPES.map(type => {
    const regions = (rules: PairRules): PortRegion[] =>
      portRegions(rules.rectangles(from.subject, to.subject, type))
    return diffRegions(regions(old), regions(young), (a, b) => {
      const before = decisionOf(old.rules[a - 1] ?? null)
      const after = decisionOf(young.rules[b - 1] ?? null)
      if (before.effect === after.effect) return undefined
      const kind =
        lets(before.action) === lets(after.action)
          ? 'changed'
          : lets(after.action)
            ? 'admitted'
            : 'refused'
      return { from: from.labels, to: to.labels, type, before, after, kind } as const
    })
  })
  const keyOf = (change: DecisionChange): string => JSON.stringify({ ...change, type: 'any' })
  const byKey = new Map(streams!.map(change => [keyOf(change), change]))
  const merged = dgrams!.map(change =>
    byKey.delete(keyOf(change)) ? { ...change, type: 'any' as const } : change,
  )
  return [...merged, ...byKey.values()]
}

type Difference = Omit<DecisionChange, 'sourcePorts' | 'destinationPorts'>

/** Where two cuts of the plane differ. */
function diffRegions(
  before: readonly PortRegion[],
  after: readonly PortRegion[],
  differ: (before: number, after: number) => Difference | undefined,
): DecisionChange[] {
  const changes: DecisionChange[] = []
  for (const a of before) {
    for (const b of after) {
      const sourcePorts = intersect(a.source, b.source)
      if (sourcePorts === undefined) continue
      const destinationPorts = intersect(a.destination, b.destination)
      if (destinationPorts === undefined) continue
      const difference = differ(a.position, b.position)
      if (difference === undefined) continue
      const { type, from, to, ...rest } = difference
      changes.push({ from, sourcePorts, to, destinationPorts, type, ...rest })
    }
  }
  return changes
}
