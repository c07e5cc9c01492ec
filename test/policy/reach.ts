import fc from 'fast-check'
import t from 'tap'
import { PORT_ANY } from '../../src/abi/addr.js'
import type { Policy } from '../../src/policy/policy.js'
import { allReach, whatCan, whoCan, type Reach } from '../../src/policy/reach.js'
import { lets } from '../../src/policy/rule.js'
import { parseRule } from '../../src/policy/rule-text.js'
import { ALL_PORTS, matchesPort } from '../../src/policy/selector.js'
import type { Subject } from '../../src/policy/subject.js'
import type { Tuple } from '../../src/policy/tuple.js'
import { domains, moment, smallPolicy, triedPorts } from './fixtures/arbitraries.js'
import { rulesOf } from './fixtures/rules.js'
import { everybody, labelOf, subjectOf, tuplesOf, verdictOn } from './fixtures/tried-out.js'

/** The answers that speak of a datagram. */
function about(reaches: readonly Reach[], tuple: Tuple): Reach[] {
  return reaches.filter(
    reach =>
      reach.from.includes(labelOf(tuple.source)) &&
      reach.to.includes(labelOf(tuple.destination)) &&
      matchesPort(reach.sourcePorts, tuple.sourcePort) &&
      matchesPort(reach.destinationPorts, tuple.destinationPort) &&
      (reach.type === 'any' || reach.type === tuple.type),
  )
}

/** True when what is said about a datagram is what the plain loop does with it. */
function isRight(policy: Policy, reaches: readonly Reach[], tuple: Tuple, now: number): boolean {
  const { action, rule } = verdictOn(policy, tuple, now)
  const found = about(reaches, tuple)
  if (!lets(action)) return found.length === 0
  return found.length === 1 && found[0]!.action === action && found[0]!.rule === rule?.id
}

await t.test('on 200 policies all that is said to get through does, and nothing else', async t => {
  let tried = 0
  fc.assert(
    fc.property(smallPolicy, domains, moment, triedPorts, (policy, known, now, ports) => {
      const reaches = allReach(policy, known, now)
      const people = new Map(everybody(known, [policy]).map(each => [labelOf(each), each]))
      for (const label of reaches.flatMap(({ from, to }) => [...from, ...to])) {
        people.set(label, subjectOf(label, known))
      }
      for (const tuple of tuplesOf([...people.values()], [...people.values()], ports)) {
        tried++
        if (!isRight(policy, reaches, tuple, now)) return false
      }
      return true
    }),
    { numRuns: 200 },
  )
  t.ok(tried > 100_000, `${tried} datagrams`)
})

await t.test('who can and what can give the part of it that was asked for', async () => {
  const end = fc.record({
    subject: fc.constantFrom<Subject>({ name: 'a', tags: ['x'] }, { name: 'c', tags: [] }),
    port: fc.constantFrom(0, 80, PORT_ANY - 1),
  })
  fc.assert(
    fc.property(smallPolicy, end, moment, triedPorts, (policy, { subject, port }, now, ports) => {
      const ends = { subject, ports: { min: port, max: port } }
      const who = whoCan(policy, [subject], ends, now)
      const what = whatCan(policy, [subject], ends, now)
      const people = everybody([subject], [policy])
      for (const tuple of tuplesOf(people, [subject], ports)) {
        if (!isRight(policy, who, { ...tuple, destinationPort: port }, now)) return false
      }
      for (const tuple of tuplesOf([subject], people, ports)) {
        if (!isRight(policy, what, { ...tuple, sourcePort: port }, now)) return false
      }
      return true
    }),
    { numRuns: 200 },
  )
})

await t.test('an answer says who, on which ports, of which type and by which rule', async t => {
  const rules = ['reject tag:web:* -> db:22', 'accept tag:web:* -> db:* type stream'].map(
    (text, i) => {
      const parsed = parseRule(text)
      if (!parsed.ok) throw new Error(parsed.message)
      return { id: `r${i + 1}`, ...parsed.rule }
    },
  )
  const policy = { rules, sets: [], tags: [] }
  const web = ['web1', 'web2'].map(name => ({ name, tags: ['web'] }))
  const db = { subject: { name: 'db', tags: [] }, ports: { min: 20, max: 29 } }
  const answer = (min: number, max: number): Reach => ({
    from: ['web1', 'web2'],
    sourcePorts: ALL_PORTS,
    to: ['db'],
    destinationPorts: { min, max },
    type: 'stream',
    action: 'accept',
    rule: 'r2',
  })
  t.same(whoCan(policy, web, db, 0), [answer(20, 21), answer(23, 29)])
  const some = { subject: { name: '', tags: ['web'] }, ports: ALL_PORTS }
  t.match(whatCan(policy, web, some, 0), [{ from: ['tag:web'] }, { from: ['tag:web'] }])
})

await t.test('of what is too much only so much is looked for', async t => {
  const names = Array.from({ length: 20 }, (_, i) => `d${i}`)
  const rules = rulesOf(...names.map(name => `drop ${name}:1 -> *:*`), 'accept *:* -> *:80')
  const policy = { rules, sets: [], tags: [] }
  const all = allReach(policy, [], 0)
  t.ok(all.length >= 400)
  const some = allReach(policy, [], 0, 50)
  t.ok(some.length > 50)
  t.same(some, all.slice(0, some.length))
  t.ok(some.length < all.length)
})
