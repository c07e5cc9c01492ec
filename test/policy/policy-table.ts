import fc from 'fast-check'
import t from 'tap'
import { CONTROL_NAME, MESSAGE_TYPES, type MessageType } from '../../src/abi/addr.js'
import { compileRules } from '../../src/policy/compiled-rules.js'
import { FlowCache } from '../../src/policy/flow-cache.js'
import { Membership } from '../../src/policy/membership.js'
import { PolicyTable } from '../../src/policy/policy-table.js'
import { RuleList } from '../../src/policy/rule-list.js'
import { ALL_PORTS, type Selector } from '../../src/policy/selector.js'
import type { Subject } from '../../src/policy/subject.js'
import type { Tuple } from '../../src/policy/tuple.js'
import { evaluate, type Verdict } from '../../src/policy/verdict.js'
import { crowdedRules, moment, policy, rules, smallPolicy, tuple } from './fixtures/arbitraries.js'
import { rulesOf } from './fixtures/rules.js'

const TUPLES_PER_TABLE = 200
const tuples = fc.array(tuple, {
  minLength: TUPLES_PER_TABLE,
  maxLength: TUPLES_PER_TABLE,
})

const web = { name: 'web', tags: ['front'] }
const db = { name: 'db', tags: ['back'] }

function decide(table: PolicyTable, t: Tuple): Verdict {
  return table.decide(t.source, t.sourcePort, t.destination, t.destinationPort, t.type)
}

function table(...texts: string[]): PolicyTable {
  return new PolicyTable(7, rulesOf(...texts))
}

function isSame(a: Verdict, b: Verdict): boolean {
  return (
    a.action === b.action &&
    a.rule === b.rule &&
    a.position === b.position &&
    a.revision === b.revision
  )
}

await t.test(
  'the answers are those of the plain loop: 10^5 tuples over 500 random tables',
  async t => {
    let decided = 0
    let matched = 0
    fc.assert(
      fc.property(fc.oneof(rules, crowdedRules), tuples, (some, flows) => {
        const compiled = new PolicyTable(5, some)
        for (const flow of flows) {
          const expected = evaluate(some, 5, flow)
          if (!isSame(decide(compiled, flow), expected)) return false
          decided++
          if (expected.position > 0) matched++
        }
        return true
      }),
      { numRuns: 500 },
    )
    t.equal(decided, 100_000)
    t.ok(matched > decided / 4, `${matched} of them were decided by a rule`)
  },
)

await t.test('sets, tags of the policy and expiry make no difference', async t => {
  let decided = 0
  fc.assert(
    fc.property(
      policy,
      tuples,
      fc.array(moment, { maxLength: 3 }),
      ({ rules, sets, tags }, flows, moments) => {
        const compiled = new PolicyTable(5, rules, new Membership(sets, tags))
        for (const now of [-Infinity, ...moments].sort((a, b) => a - b)) {
          if (compiled.expire(now) && compiled.nextExpiry <= now) return false
          for (const flow of flows) {
            if (!isSame(decide(compiled, flow), evaluate(rules, 5, flow, { sets, tags, now }))) {
              return false
            }
            if (decide(compiled, flow).position > 0) decided++
          }
        }
        return true
      },
    ),
    { numRuns: 200 },
  )
  t.ok(decided > 10_000, `${decided} were decided by a rule`)
})

await t.test('an element comes and goes without another table', async t => {
  const members = new Membership([{ name: 's', elements: [] }])
  const compiled = new PolicyTable(1, table('accept @s:* -> @t:5432').rules, members)
  const at = (port: number): string => compiled.decide(web, 1, db, port, 'dgram').action
  t.equal(at(5432), 'reject')
  members.add('s', { kind: 'name', name: 'web', ports: ALL_PORTS })
  t.equal(at(5432), 'reject', 'the other side is not in its set')
  members.add('t', { kind: 'tag', tag: 'back', ports: { min: 5000, max: 6000 }, expires: 1_000 })
  t.equal(at(5432), 'accept')
  t.equal(compiled.nextExpiry, 1_000)
  t.equal(compiled.expire(999), false)
  t.equal(compiled.expire(1_000), true)
  t.equal(at(5432), 'reject')
  members.add('t', { kind: 'tag', tag: 'back', ports: { min: 5433, max: 6000 } })
  t.equal(at(5432), 'reject', 'the element has other ports')
  members.add('t', { kind: 'name', name: 'db', ports: { min: 5432, max: 5432 } })
  t.equal(at(5432), 'accept', 'one of two elements has the port')
  t.equal(members.remove('s', { kind: 'name', name: 'web', ports: ALL_PORTS }), true)
  t.equal(at(5432), 'reject')
})

await t.test('rules expire at their time, and the next time is known', async t => {
  const compiled = table(
    'accept web:1 -> db:1 type dgram expires 1970-01-01T00:00:02Z',
    'drop web:* -> db:* expires 1970-01-01T00:00:01Z',
    'accept web:* -> db:2',
  )
  const at = (from: number, to: number, type: MessageType = 'dgram'): number =>
    compiled.decide(web, from, db, to, type).position
  t.equal(compiled.nextExpiry, 1_000)
  t.same([at(1, 1), at(1, 1, 'stream'), at(2, 1), at(1, 2)], [1, 2, 2, 2])
  t.equal(compiled.expire(1_000), true)
  t.equal(compiled.nextExpiry, 2_000)
  t.same([at(1, 1), at(1, 1, 'stream'), at(2, 1), at(1, 2)], [1, 0, 0, 3])
  t.equal(compiled.expire(2_000), true)
  t.equal(compiled.nextExpiry, Infinity)
  t.same([at(1, 1), at(1, 2)], [0, 3])
  t.equal(compiled.expire(9_000), false)
})

await t.test('with a flow cache in front the answers stay the same', async t => {
  const ids = new Map<string, number>()
  // The cache knows a domain by its number: each pair of name and tags is a domain of its own.
  const numberOf = (subject: Subject): number => {
    const key = JSON.stringify([subject.name, subject.tags])
    const id = ids.get(key) ?? ids.size
    ids.set(key, id)
    return id
  }
  let hits = 0
  const cache = new FlowCache(256)
  fc.assert(
    fc.property(rules, tuples, (some, flows) => {
      const compiled = new PolicyTable(5, some)
      cache.clear()
      return [...flows, ...flows].every(flow => {
        const key = [
          numberOf(flow.source),
          flow.sourcePort,
          numberOf(flow.destination),
          flow.destinationPort,
          MESSAGE_TYPES[flow.type],
        ] as const
        let position = cache.lookup(...key)
        if (position < 0) {
          position = decide(compiled, flow).position
          cache.store(...key, position)
        } else {
          hits++
        }
        return isSame(compiled.verdictAt(position), evaluate(some, 5, flow))
      })
    }),
    { numRuns: 50 },
  )
  t.ok(hits > 1_000, `${hits} answers came from the cache`)
})

await t.test('the same rule gives the same object each time', async t => {
  const compiled = table('accept web:* -> db:5432 replies')
  const there = compiled.decide(web, 1, db, 5432, 'dgram')
  t.equal(compiled.decide(web, 2, db, 5432, 'stream'), there)
  t.equal(compiled.decide(db, 5432, web, 9, 'dgram'), there)
  t.equal(compiled.decide(db, 1, web, 9, 'dgram'), compiled.decide(db, 2, web, 9, 'dgram'))
})

await t.test('a table can be compiled elsewhere', async t => {
  const rules = rulesOf(
    'accept web:* -> db:1 rate 5/s',
    'drop web:* -> db:2 expires 1970-01-01T00:00:01Z',
  )
  const compiled = structuredClone(compileRules(rules))
  const packed = new PolicyTable(3, new RuleList(rules), new Membership(), compiled)
  t.same(packed.limited, [rules[0]])
  t.same(packed.decide(web, 1, db, 2, 'dgram'), {
    action: 'drop',
    rule: rules[1],
    position: 2,
    revision: 3,
  })
  t.equal(packed.nextExpiry, 1_000)
  t.equal(packed.expire(1_000), true)
  t.equal(packed.decide(web, 1, db, 2, 'dgram').position, 0)
  t.same(packed.rules, rules)
})

await t.test('verdicts are found by position, the default at 0', async t => {
  const compiled = table('accept web:* -> db:5432', 'drop *:* -> *:*')
  t.equal(compiled.revision, 7)
  t.equal(compiled.rules.length, 2)
  t.equal(compiled.verdictCount, 3)
  t.same(compiled.verdictAt(0), { action: 'reject', rule: null, position: 0, revision: 7 })
  t.equal(compiled.verdictAt(2), compiled.decide(db, 1, web, 1, 'dgram'))
  for (const position of [0, 1, 2]) t.equal(compiled.verdictAt(position).position, position)
})

await t.test('a table does not change with the list it was made from', async t => {
  const list = [...table('accept web:* -> db:*').rules]
  const compiled = new PolicyTable(1, list)
  list.pop()
  t.equal(compiled.rules.length, 1)
  t.equal(compiled.decide(web, 1, db, 1, 'dgram').action, 'accept')
})

await t.test('an earlier rule for a tag or * goes before a later one for the name', async t => {
  const compiled = table(
    'reject tag:front:* -> *:22',
    'accept web:* -> db:*',
    'drop *:* -> *:* type stream',
  )
  t.equal(compiled.decide(web, 1, db, 22, 'dgram').position, 1)
  t.equal(compiled.decide(web, 1, db, 23, 'stream').position, 2)
  t.equal(compiled.decide(db, 1, web, 23, 'stream').position, 3)
  t.equal(compiled.decide(db, 1, web, 23, 'dgram').position, 0)
})

await t.test('a domain with many tags is decided by the earliest rule of any of them', async t => {
  const tags = Array.from({ length: 40 }, (_, i) => `t${i}`)
  const compiled = table('accept tag:t39:* -> tag:t38:1', 'drop tag:t0:* -> tag:t0:*')
  const many = { name: 'many', tags }
  t.equal(compiled.decide(many, 1, many, 1, 'dgram').position, 1)
  t.equal(compiled.decide(many, 1, many, 2, 'dgram').position, 2)
})

await t.test('ten thousand rules in one table are all found', async t => {
  const texts = Array.from({ length: 10_000 }, (_, i) => `accept web:* -> db${i}:${i} replies`)
  const compiled = table(...texts)
  const wrong = texts.filter((_, i) => {
    const other = { name: `db${i}`, tags: [] }
    return (
      compiled.decide(web, 7, other, i, 'dgram').position !== i + 1 ||
      compiled.decide(other, i, web, 7, 'stream').position !== i + 1 ||
      compiled.decide(web, 7, other, i + 1, 'dgram').position !== 0
    )
  })
  t.same(wrong, [])
})

await t.test('the control domain is reached, and sends, only by rules that name it', async t => {
  let decided = 0
  const control = { name: CONTROL_NAME, tags: ['x', 'y', 'z'] }
  const sides = fc.constantFrom('source' as const, 'destination' as const)
  const tries = fc.array(fc.tuple(tuple, sides), { minLength: 50, maxLength: 50 })
  const namesIt = (side: Selector): boolean => side.kind === 'name' && side.name === CONTROL_NAME
  fc.assert(
    fc.property(smallPolicy, moment, tries, ({ rules, sets, tags }, now, tried) => {
      const compiled = new PolicyTable(1, rules, new Membership(sets, tags))
      compiled.expire(now)
      for (const [each, side] of tried) {
        const flow = { ...each, [side]: control }
        const plain = evaluate(rules, 1, flow, { sets, tags, now })
        for (const { rule } of [decide(compiled, flow), plain]) {
          if (rule === null) continue
          decided++
          const other = side === 'source' ? 'destination' : 'source'
          if (!namesIt(rule[side]) && !(rule.replies && namesIt(rule[other]))) return false
        }
      }
      return true
    }),
    { numRuns: 300 },
  )
  t.ok(decided > 50, `rules that name it decided ${decided} times`)
})
