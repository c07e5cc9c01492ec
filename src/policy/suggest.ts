import { MESSAGE_TYPES, type MessageType } from '../abi/addr.js'
import type { Policy, PolicyTest, TestEnd } from './policy.js'
import { PolicyTable } from './policy-table.js'
import { RuleIds } from './rule-ids.js'
import { matches, type Rule, type RuleBody, type RuleType } from './rule.js'
import { EPHEMERAL_PORTS, isFolded, standingOf, type SeenFlow } from './seen-flow.js'
import { ALL_PORTS, type PortRange } from './selector.js'
import { formatTime } from './time-text.js'
import type { Tuple } from './tuple.js'

/** Tests of a draft that something refused is refused by it, too. */
const REFUSED_TESTS_MAX = 100
const TYPES = Object.keys(MESSAGE_TYPES) as MessageType[]

/** Flows between the same two addresses, and whether answers came back. */
interface Conversation {
  readonly source: string
  readonly sourcePort: number
  readonly destination: string
  readonly destinationPort: number
  readonly type: MessageType
  readonly hasReplies: boolean
  readonly datagrams: number
  readonly lastAt: number
}

/** Conversations that one rule can speak of. */
interface Group {
  readonly source: string
  readonly sourcePorts: PortRange
  readonly destination: string
  readonly type: RuleType
  readonly hasReplies: boolean
  readonly conversations: Conversation[]
}

/**
 * Drafts the policy that lets through what was let through, and as little else as can be said in
 * few words: names, ports as seen, answers only where there were some. The port a sender was given
 * by the daemon is written `*`, for it means nothing. What waited for an operator and was granted
 * is accepted.
 *
 * Each rule comes with a test that it holds, and what was refused with one that it still is.
 */
export function suggest(flows: Iterable<SeenFlow>): Pick<Policy, 'rules' | 'tests'> {
  const admitted = new Map<string, SeenFlow>()
  const refused = new Map<string, SeenFlow>()
  for (const flow of flows) {
    const standing = standingOf(flow.effect)
    if (standing === undefined) continue
    merge(standing === 'refused' ? refused : admitted, flow)
  }
  const rules: Rule[] = []
  const tests: PolicyTest[] = []
  const ids = new RuleIds([])
  const byPair = new Map<string, Rule[]>()
  for (const group of groupsOf(conversationsOf(admitted))) {
    for (const ports of rangesOf(group.conversations.map(each => each.destinationPort))) {
      const inside = group.conversations.filter(({ destinationPort }) =>
        isFolded(ports.min)
          ? isFolded(destinationPort)
          : ports.min <= destinationPort && destinationPort <= ports.max,
      )
      const pair = [group.source, group.destination].sort().join(' ')
      const inFront = byPair.get(pair) ?? []
      const open = inside.filter(each => !isCovered(each, inFront))
      if (open.length === 0) continue
      const body = ruleOf(group, ports, open)
      const rule = { id: ids.derive(body), ...body }
      rules.push(rule)
      byPair.set(pair, [...inFront, rule])
      const decides = [...inFront, rule].find(each => matches(each, tupleOf(open[0]!)))
      tests.push(testOf(open[0]!, 'accept', decides?.id))
    }
  }
  const table = new PolicyTable(0, rules)
  for (const flow of refused.values()) {
    if (tests.length >= rules.length + REFUSED_TESTS_MAX) break
    const { source, sourcePort, destination, destinationPort, type } = tupleOf(flow)
    const decided = table.decide(source, sourcePort, destination, destinationPort, type)
    if (decided.action === 'reject') tests.push(testOf(flow, 'reject'))
  }
  return { rules, tests }
}

/** True when rules let a conversation through, answers and all. */
function isCovered(conversation: Conversation, rules: readonly Rule[]): boolean {
  const there = tupleOf(conversation)
  const { source, sourcePort, destination, destinationPort } = there
  const back = {
    ...there,
    source: destination,
    sourcePort: destinationPort,
    destination: source,
    destinationPort: sourcePort,
  }
  if (!rules.some(rule => matches(rule, there))) return false
  return !conversation.hasReplies || rules.some(rule => matches(rule, back))
}

/** Puts what was seen of a flow at several times, or by several rules, together. */
function merge(into: Map<string, SeenFlow>, flow: SeenFlow): void {
  const key = keyOf(flow.source, flow.sourcePort, flow.destination, flow.destinationPort, flow.type)
  const known = into.get(key)
  into.set(
    key,
    known === undefined
      ? flow
      : {
          ...known,
          datagrams: known.datagrams + flow.datagrams,
          firstAt: Math.min(known.firstAt, flow.firstAt),
          lastAt: Math.max(known.lastAt, flow.lastAt),
        },
  )
}

/** Finds which flows are the answers to others, which one rule with `replies` lets through. */
function conversationsOf(flows: ReadonlyMap<string, SeenFlow>): Conversation[] {
  const conversations: Conversation[] = []
  for (const flow of flows.values()) {
    const { source, sourcePort, destination, destinationPort, type, datagrams, lastAt } = flow
    const back = flows.get(keyOf(destination, destinationPort, source, sourcePort, type))
    if (back !== undefined && isAnswer(flow, back)) continue
    conversations.push({
      source,
      sourcePort,
      destination,
      destinationPort,
      type,
      hasReplies: back !== undefined && back !== flow,
      datagrams,
      lastAt,
    })
  }
  return conversations
}

/** True when `flow` answers `back`: its destination is a port that was picked, or it came later. */
function isAnswer(flow: SeenFlow, back: SeenFlow): boolean {
  if (flow === back) return false
  if (isFolded(flow.destinationPort) !== isFolded(flow.sourcePort)) {
    return isFolded(flow.destinationPort)
  }
  if (flow.firstAt !== back.firstAt) return flow.firstAt > back.firstAt
  // As good as each other: whichever, but only one of them.
  const [a, b] = [flow, back].map(each => `${each.source}:${each.sourcePort}`)
  return a! > b!
}

/** Puts together what one rule can say; the widest rules come first, for they may do for others. */
function groupsOf(conversations: readonly Conversation[]): Group[] {
  const byType = new Map<string, Conversation[]>()
  for (const each of conversations) {
    const { source, sourcePort, destination, destinationPort, hasReplies } = each
    const key = `${source}:${sourcePort} ${destination}:${destinationPort} ${hasReplies}`
    const same = byType.get(key)
    if (same === undefined) byType.set(key, [each])
    else same.push(each)
  }
  const groups = new Map<string, Group>()
  for (const same of byType.values()) {
    const { source, sourcePort, destination, hasReplies, type: first } = same[0]!
    const type = same.length === TYPES.length ? 'any' : first
    const key = `${source}:${sourcePort} ${destination} ${type} ${hasReplies}`
    let group = groups.get(key)
    if (group === undefined) {
      const sourcePorts = isFolded(sourcePort) ? ALL_PORTS : { min: sourcePort, max: sourcePort }
      group = { source, sourcePorts, destination, type, hasReplies, conversations: [] }
      groups.set(key, group)
    }
    group.conversations.push(...same)
  }
  const [wide, narrow]: [Group[], Group[]] = [[], []]
  for (const group of groups.values()) {
    if (group.sourcePorts === ALL_PORTS) wide.push(group)
    else narrow.push(group)
  }
  return [...wide, ...narrow]
}

/** The ports as ranges, those that are neighbours in one. */
function rangesOf(ports: readonly number[]): PortRange[] {
  const ranges: { min: number; max: number }[] = []
  let hasPicked = false
  for (const port of [...new Set(ports)].sort((a, b) => a - b)) {
    const last = ranges.at(-1)
    if (isFolded(port)) hasPicked = true
    else if (last?.max === port - 1) last.max = port
    else ranges.push({ min: port, max: port })
  }
  return hasPicked ? [...ranges, EPHEMERAL_PORTS] : ranges
}

function ruleOf(
  { source, sourcePorts, destination, type, hasReplies }: Group,
  ports: PortRange,
  conversations: readonly Conversation[],
): RuleBody {
  const datagrams = conversations.reduce((sum, each) => sum + each.datagrams, 0)
  const lastAt = conversations.reduce((last, each) => Math.max(last, each.lastAt), 0)
  return {
    action: 'accept',
    source: { kind: 'name', name: source, ports: sourcePorts },
    destination: { kind: 'name', name: destination, ports },
    type,
    replies: hasReplies,
    comment: `seen ${datagrams === 1 ? 'once' : `${datagrams} times`}, last ${formatTime(lastAt)}`,
  }
}

function testOf(
  flow: Pick<SeenFlow, 'source' | 'sourcePort' | 'destination' | 'destinationPort' | 'type'>,
  expect: 'accept' | 'reject',
  rule?: string,
): PolicyTest {
  const { source, sourcePort, destination, destinationPort, type } = flow
  const from: TestEnd = { kind: 'name', name: source, port: sourcePort }
  const to: TestEnd = { kind: 'name', name: destination, port: destinationPort }
  return {
    from,
    to,
    expect,
    ...(type !== 'dgram' && { type }),
    ...(rule !== undefined && { rule }),
  }
}

/** The first datagram of a flow, between domains of which only the names are known. */
function tupleOf(flow: Omit<Conversation, 'hasReplies' | 'datagrams' | 'lastAt'>): Tuple {
  const { source, destination, sourcePort, destinationPort, type } = flow
  return {
    source: { name: source, tags: [] },
    sourcePort,
    destination: { name: destination, tags: [] },
    destinationPort,
    type,
  }
}

function keyOf(
  source: string,
  sourcePort: number,
  destination: string,
  destinationPort: number,
  type: MessageType,
): string {
  return `${source}:${sourcePort} ${destination}:${destinationPort} ${type}`
}
