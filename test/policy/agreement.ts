import fc from 'fast-check'
import t from 'tap'
import { MESSAGE_TYPES, PORT_ANY, type MessageType } from '../../src/abi/addr.js'
import { Explainer } from '../../src/policy/explain.js'
import { FlowCache } from '../../src/policy/flow-cache.js'
import { Membership } from '../../src/policy/membership.js'
import { PolicyTable } from '../../src/policy/policy-table.js'
import type { Subject } from '../../src/policy/subject.js'
import type { Tuple } from '../../src/policy/tuple.js'
import { Prng } from '../fixtures/prng.js'
import { smallPolicy } from './fixtures/arbitraries.js'

const POLICIES = 100
const TUPLES = 10_000

const names = ['a', 'b', 'c', 'control', 'unknown']
const tags = [[], ['x'], ['y'], ['x', 'y', 'z']]
/** Domains by number, as the daemon has them. */
const domains = names.flatMap(name => tags.map((own): Subject => ({ name, tags: own })))
const ports = [0, 1, 2, 3, 4, 79, 80, 81, 0x7fffffff, 0x80000000, PORT_ANY - 1]
const types = Object.keys(MESSAGE_TYPES) as MessageType[]

await t.test('explained, decided and remembered are the same: 10^6 datagrams', async t => {
  const seed = 20261120
  const random = new Prng(seed)
  let asked = 0
  let decided = 0
  let remembered = 0
  const differing: string[] = []
  for (const policy of fc.sample(smallPolicy, { numRuns: POLICIES, seed })) {
    const now = random.pick([0, 1_000, 1_500, 2_000])
    const table = new PolicyTable(1, policy.rules, new Membership(policy.sets, policy.tags))
    table.expire(now)
    const explainer = new Explainer(policy, now)
    const cache = new FlowCache(4_096)
    // Few enough that flows come again.
    const known = Array.from({ length: 6 }, () => random.below(domains.length))
    for (let i = 0; i < TUPLES; i++) {
      const source = random.pick(known)
      const destination = random.pick(known)
      const tuple: Tuple = {
        source: domains[source]!,
        sourcePort: random.pick(ports),
        destination: domains[destination]!,
        destinationPort: random.pick(ports),
        type: random.pick(types),
      }
      const { sourcePort, destinationPort, type } = tuple
      const verdict = table.decide(
        tuple.source,
        sourcePort,
        tuple.destination,
        destinationPort,
        type,
      )
      const flow = [source, sourcePort, destination, destinationPort, MESSAGE_TYPES[type]] as const
      const position = cache.lookup(...flow)
      if (position < 0) cache.store(...flow, verdict.position)
      else remembered++
      const { action, decidedBy, rule } = explainer.explain(tuple)
      const isSame =
        action === verdict.action &&
        decidedBy === (verdict.rule?.id ?? 'default') &&
        (rule?.position ?? 0) === verdict.position &&
        (position < 0 || position === verdict.position)
      if (!isSame) differing.push(JSON.stringify(tuple))
      asked++
      if (verdict.position > 0) decided++
    }
  }
  t.same(differing.slice(0, 5), [])
  t.equal(asked, POLICIES * TUPLES)
  t.ok(decided > asked / 10, `${decided} were decided by a rule`)
  t.ok(remembered > asked / 20, `${remembered} were remembered`)
})
