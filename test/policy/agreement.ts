import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import {
  MESSAGE_TYPES,
  PORT_ANY,
  PORT_EPHEMERAL_MIN,
  type DomainId,
  type MessageType,
  type Port,
} from '../../src/abi/addr.js'
import { Domain } from '../../src/hypervisor/domain.js'
import { FlowMeter } from '../../src/hypervisor/flow-meter.js'
import { PolicyGate } from '../../src/hypervisor/policy-gate.js'
import { Target } from '../../src/hypervisor/target.js'
import { Explainer } from '../../src/policy/explain.js'
import type { FlowVerdict } from '../../src/policy/flow-verdict.js'
import { Membership } from '../../src/policy/membership.js'
import type { Policy } from '../../src/policy/policy.js'
import { PolicyTable } from '../../src/policy/policy-table.js'
import { Replay, type ReplayedFlow } from '../../src/policy/replay.js'
import { DEFAULT_ID } from '../../src/policy/rule.js'
import { isFolded, type SeenFlow } from '../../src/policy/seen-flow.js'
import type { Subject } from '../../src/policy/subject.js'
import {
  FLOWS_FILE,
  FLOWS_PER_WRITE_MAX,
  openFlowStore,
  readFlows,
  type FlowStore,
} from '../../src/store/flow-store.js'
import { Prng } from '../fixtures/prng.js'
import { smallPolicy } from './fixtures/arbitraries.js'

// What is explained, what is enforced and what is replayed are one thing: the gate decides and
// counts as it does for every datagram of a daemon, its flows are written to a file of flows and
// read from there, and replay decides them again.

const POLICIES = 100
const TUPLES = 10_000

/** Those that the policies name, and one that they don't. */
const names = ['control', 'a', 'b', 'c', 'other']
const tags = [[], ['x'], ['y'], ['x', 'y', 'z']]
const allPorts = [
  0,
  1,
  2,
  3,
  4,
  79,
  80,
  81,
  0x7fffffff,
  PORT_EPHEMERAL_MIN,
  0x80000007,
  PORT_ANY - 1,
]
const types = Object.keys(MESSAGE_TYPES) as MessageType[]
/** So few that flows come again. */
const PORTS_TRIED = 7
const METER_LIMITS = { flowMetersMax: TUPLES, flowMetersPerDomainMax: TUPLES }
const KEPT = { bytesMax: 1 << 30, ageMsMax: 86_400_000 }
const BYTES = 7

/** What replay has to list as something else. */
const OPPOSITES: Readonly<Record<FlowVerdict, FlowVerdict>> = {
  accept: 'reject',
  audit: 'drop',
  reject: 'accept',
  drop: 'audit',
  ask: 'accept',
  limit: 'limit',
  error: 'reject',
}

/** Sums over all policies. */
const sums = { explained: 0, byRule: 0, remembered: 0, replayed: 0, exactly: 0, uncertain: 0 }
const differing: string[] = []

function differ(what: string, where: unknown): void {
  differing.push(`${what}: ${JSON.stringify(where)}`)
}

/** A policy with domains, a moment, and what decides there as in a daemon. */
class World {
  readonly policy: Policy
  readonly now: number
  readonly domains: readonly Domain[]
  readonly targets: readonly Target[]
  readonly ports: readonly number[]
  readonly meter = new FlowMeter(METER_LIMITS)
  readonly gate: PolicyGate

  constructor(policy: Policy, random: Prng) {
    this.policy = policy
    this.now = random.pick([0, 1_000, 1_500, 2_000])
    this.domains = names.map((name, id) => new Domain(id as DomainId, name, random.pick(tags)))
    const strange = new Target('unknown', undefined)
    this.targets = [...this.domains.map(domain => new Target(domain.name, domain)), strange]
    this.ports = Array.from({ length: PORTS_TRIED }, () => random.pick(allPorts))
    this.gate = new PolicyGate(this.table(1), { now: () => this.now }, this.meter)
  }

  table(revision: number): PolicyTable {
    const { rules, sets, tags: given } = this.policy
    return new PolicyTable(revision, rules, new Membership(sets, given))
  }
}

/** Decides datagrams as for a session, and holds each decision against its explanation. */
function enforce({ policy, now, domains, targets, ports, gate }: World, random: Prng): void {
  const explainer = new Explainer(policy, now)
  for (let i = 0; i < TUPLES; i++) {
    const source = random.pick(domains)
    const target = random.pick(targets)
    const sourcePort = random.pick(ports) as Port
    const port = random.pick(ports) as Port
    const type = random.pick(types)
    const number = MESSAGE_TYPES[type]
    const index = gate.decide(source, sourcePort, target, port, number)
    if (gate.isNewFlow) gate.recorded(source, sourcePort, target, port, number, index)
    else sums.remembered++
    gate.count(index, 1, BYTES)
    gate.meter(source, sourcePort, target, port, number, index, 1, BYTES)
    const { action, rule, position } = gate.verdict(index)
    const tuple = {
      source: source.subject,
      sourcePort,
      destination: target.subject,
      destinationPort: port,
      type,
    }
    const explained = explainer.explain(tuple)
    const isSame =
      explained.action === action &&
      explained.decidedBy === (rule?.id ?? DEFAULT_ID) &&
      (explained.rule?.position ?? 0) === position
    if (!isSame) differ('explained otherwise', tuple)
    sums.explained++
    if (position > 0) sums.byRule++
  }
  let counted = 0
  for (const { hits } of gate.counters.values()) counted += hits
  if (counted !== TUPLES) differ('counted otherwise', counted)
}

/** Writes the flows down, reads them, and decides them again. */
function replay(world: World, store: FlowStore): void {
  const { meter, now, domains } = world
  while (meter.pending > 0) {
    store.add(
      meter.take(FLOWS_PER_WRITE_MAX).map(({ port, type, ...flow }) => {
        const name = types.find(each => MESSAGE_TYPES[each] === type)!
        return { ...flow, destinationPort: port, type: name }
      }),
    )
  }
  const subjects = new Map<string, Subject>(domains.map(({ name, subject }) => [name, subject]))
  subjects.set('unknown', { name: 'unknown', tags: [] })
  const table = world.table(0)
  table.expire(now)
  const asSeen = new Replay(table, undefined, name => subjects.get(name)!)
  // Told that all was decided the other way, replay lists each flow with what would decide it.
  const turned = new Replay(table, undefined, name => subjects.get(name)!)
  const seen = new Map<string, SeenFlow>()
  for (const flow of readFlows(store.path, 0)) {
    asSeen.add(flow)
    turned.add({ ...flow, effect: OPPOSITES[flow.effect] })
    if (isExact(flow)) seen.set(keyOf(flow), flow)
  }
  const result = asSeen.result()
  sums.replayed += result.datagrams
  sums.uncertain += result.uncertain.datagrams
  for (const { listed } of [result.newlyRefused, result.newlyAdmitted, result.newlyAsked]) {
    for (const flow of listed) differ('replayed otherwise', flow)
  }
  for (const flow of result.uncertain.listed) if (isExact(flow)) differ('uncertain', flow)
  const { newlyRefused, newlyAdmitted, newlyAsked } = turned.result()
  const listed = [newlyRefused, newlyAdmitted, newlyAsked].flatMap(each => each.listed)
  for (const flow of listed.filter(isExact)) {
    const { effect, rule, datagrams } = seen.get(keyOf(flow))!
    seen.delete(keyOf(flow))
    if (flow.after.verdict !== effect || flow.after.rule !== rule) differ('by another rule', flow)
    sums.exactly += datagrams
  }
  for (const flow of seen.values()) differ('not replayed', flow)
}

/** True for a flow whose ports were written down as they were. */
function isExact({ sourcePort, destinationPort }: SeenFlow | ReplayedFlow): boolean {
  return !isFolded(sourcePort) && !isFolded(destinationPort)
}

function keyOf(flow: SeenFlow | ReplayedFlow): string {
  return `${flow.source}:${flow.sourcePort} ${flow.destination}:${flow.destinationPort} ${flow.type}`
}

await t.test('explained, enforced and replayed are the same: 10^6 datagrams', async t => {
  const seed = 20261120
  const random = new Prng(seed)
  const dir = t.testdir()
  for (const [number, policy] of fc.sample(smallPolicy, { numRuns: POLICIES, seed }).entries()) {
    const world = new World(policy, random)
    enforce(world, random)
    const store = openFlowStore(join(dir, `${number}-${FLOWS_FILE}`), KEPT)
    replay(world, store)
    store.close()
  }
  t.same(differing.slice(0, 5), [])
  const all = POLICIES * TUPLES
  t.match(sums, { explained: all, replayed: all }, 'none was left out')
  t.ok(sums.byRule > all / 10, `${sums.byRule} were decided by a rule`)
  t.ok(sums.remembered > all / 20, `${sums.remembered} were remembered`)
  t.ok(sums.exactly > all / 2, `${sums.exactly} were replayed by rule and verdict`)
  t.ok(sums.uncertain < all / 10, `${sums.uncertain} have ports that are not known any more`)
  t.comment(JSON.stringify(sums))
})
