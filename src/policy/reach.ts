import { MESSAGE_TYPES, type MessageType } from '../abi/addr.js'
import { PairRules, type Decisions } from './pair-rules.js'
import { partiesOf, PartyIndex, type Party } from './parties.js'
import { intersect, portRegions } from './port-regions.js'
import { lets, type Action, type RuleType } from './rule.js'
import { ALL_PORTS, type PortRange } from './selector.js'
import type { Subject } from './subject.js'

/** Datagrams that a policy lets through, all by the same rule. */
export interface Reach {
  /** Who may send, as a party's labels. */
  readonly from: readonly string[]
  readonly sourcePorts: PortRange
  readonly to: readonly string[]
  readonly destinationPorts: PortRange
  /** any for both types. */
  readonly type: RuleType
  /** accept, audit or ask. */
  readonly action: Action
  /** The id of the rule. */
  readonly rule: string
}

/** An end that was asked about: one domain, and some of its ports. */
export interface End {
  readonly subject: Subject
  readonly ports: PortRange
}

/** What is looked for of everything that a policy lets through: it takes about a second. */
export const REACHES_MAX = 100_000

const TYPES = Object.keys(MESSAGE_TYPES) as MessageType[]

/** Who can send to an end, on which ports and by which rule. */
export function whoCan(
  policy: Decisions,
  domains: readonly Subject[],
  to: End,
  now: number,
): Reach[] {
  const rules = new PairRules(policy, now)
  return partiesOf([policy], [rules], domains).flatMap(party =>
    reachOf(rules, party, ALL_PORTS, partyOf(to), to.ports),
  )
}

/** Whom an end can send to, on which ports and by which rule. */
export function whatCan(
  policy: Decisions,
  domains: readonly Subject[],
  from: End,
  now: number,
): Reach[] {
  const rules = new PairRules(policy, now)
  return partiesOf([policy], [rules], domains).flatMap(party =>
    reachOf(rules, partyOf(from), from.ports, party, ALL_PORTS),
  )
}

/**
 * Everything that a policy lets through.
 * @param max looked for no further once there are more: a rule about everybody lets each reach each.
 */
export function allReach(
  policy: Decisions,
  domains: readonly Subject[],
  now: number,
  max = Infinity,
): Reach[] {
  const rules = new PairRules(policy, now)
  const parties = partiesOf([policy], [rules], domains)
  const index = new PartyIndex(parties, [rules])
  const reaches: Reach[] = []
  for (const from of parties) {
    for (const to of index.at(rules.destinationsOf(from.subject))) {
      reaches.push(...reachOf(rules, from, ALL_PORTS, to, ALL_PORTS))
      if (reaches.length > max) return reaches
    }
  }
  return reaches
}

function partyOf({ subject }: End): Party {
  const { name, tags } = subject
  return { labels: [name === '' ? tags.map(tag => `tag:${tag}`).join(' ') : name], subject }
}

function reachOf(
  rules: PairRules,
  from: Party,
  sourcePorts: PortRange,
  to: Party,
  destinationPorts: PortRange,
): Reach[] {
  const [first, second] = TYPES.map(type =>
    portRegions(rules.rectangles(from.subject, to.subject, type)).flatMap(region => {
      const source = intersect(region.source, sourcePorts)
      const destination = intersect(region.destination, destinationPorts)
      const rule = rules.rules[region.position - 1]
      if (source === undefined || destination === undefined) return []
      if (rule === undefined || !lets(rule.action)) return []
      return {
        from: from.labels,
        sourcePorts: source,
        to: to.labels,
        destinationPorts: destination,
        type,
        action: rule.action,
        rule: rule.id,
      }
    }),
  )
  return mergeTypes(first!, second!)
}

/** What holds for both types is said once. */
function mergeTypes(dgrams: readonly Reach[], streams: readonly Reach[]): Reach[] {
  const keyOf = (reach: Reach): string => JSON.stringify({ ...reach, type: 'any' })
  const byKey = new Map(streams.map(reach => [keyOf(reach), reach]))
  const merged = dgrams.map(reach =>
    byKey.delete(keyOf(reach)) ? { ...reach, type: 'any' as const } : reach,
  )
  return [...merged, ...byKey.values()]
}
