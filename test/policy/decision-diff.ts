import fc from 'fast-check'
import t from 'tap'
import { diffDecisions, type DecisionChange } from '../../src/policy/decision-diff.js'
import { decisionOf } from '../../src/policy/pair-diff.js'
import type { Decisions } from '../../src/policy/pair-rules.js'
import { lets, type Rule } from '../../src/policy/rule.js'
import { parseRule } from '../../src/policy/rule-text.js'
import { ALL_PORTS, matchesPort } from '../../src/policy/selector.js'
import type { Tuple } from '../../src/policy/tuple.js'
import { domains, moment, smallPolicy, triedPorts } from './fixtures/arbitraries.js'
import { ruleEdits } from './fixtures/changed-policy.js'
import { everybody, labelOf, tuplesOf, verdictOn } from './fixtures/tried-out.js'

function rule(id: string, text: string): Rule {
  const parsed = parseRule(text)
  if (!parsed.ok) throw new Error(parsed.message)
  return { id, ...parsed.rule }
}

/** The changes that a datagram is in. */
function changesOf(changes: readonly DecisionChange[], tuple: Tuple): DecisionChange[] {
  const isBetween = ({ from, to }: Pick<DecisionChange, 'from' | 'to'>): boolean =>
    from.includes(labelOf(tuple.source)) && to.includes(labelOf(tuple.destination))
  return changes.filter(
    change =>
      isBetween(change) &&
      change.except?.some(isBetween) !== true &&
      matchesPort(change.sourcePorts, tuple.sourcePort) &&
      matchesPort(change.destinationPorts, tuple.destinationPort) &&
      (change.type === 'any' || change.type === tuple.type),
  )
}

// An edit of a policy, and two that have nothing to do with each other.
const pair = fc.oneof(
  fc.tuple(smallPolicy, smallPolicy),
  fc
    .tuple(smallPolicy, smallPolicy, ruleEdits('new'), fc.nat(3))
    .map(([policy, other, edit, parts]) => {
      const sets = (parts & 1) > 0 ? other.sets : policy.sets
      const tags = (parts & 2) > 0 ? other.tags : policy.tags
      return [policy, { ...policy, rules: edit(policy.rules), sets, tags }] as const
    }),
)

await t.test('on 300 pairs of policies all that is said to differ does, and no more', async t => {
  let changed = 0
  let exceptions = 0
  const separatedMax = fc.constantFrom(0, 6, 256)
  fc.assert(
    fc.property(
      pair,
      domains,
      moment,
      triedPorts,
      separatedMax,
      (policies, known, now, ports, max) => {
        const [before, after] = policies
        const diff = diffDecisions(before, after, known, now, { separatedMax: max })
        if (diff.pairsLeftOut !== 0) return false
        for (const { except = [] } of diff.changes) exceptions += except.length
        const people = everybody(known, [before, after])
        for (const tuple of tuplesOf(people, people, ports)) {
          const found = changesOf(diff.changes, tuple)
          const a = decisionOf(verdictOn(before, tuple, now).rule)
          const b = decisionOf(verdictOn(after, tuple, now).rule)
          if (found.length !== (a.effect === b.effect ? 0 : 1)) return false
          const [change] = found
          if (change === undefined) continue
          changed++
          if (change.before.rule !== a.rule || change.after.rule !== b.rule) return false
          const expected = lets(b.action) ? 'admitted' : 'refused'
          const isOther = lets(a.action) === lets(b.action)
          if (change.kind !== (isOther ? 'changed' : expected)) return false
        }
        return true
      },
    ),
    { numRuns: 300 },
  )
  t.ok(changed > 1_000, `${changed} datagrams are decided differently`)
  t.ok(exceptions > 50, `${exceptions} exceptions`)
})

await t.test('of 300 diffs that are cut what is said is so, and the rest is counted', async t => {
  let cut = 0
  let said = 0
  const bounds = fc.record({ stepsMax: fc.nat(300), separatedMax: fc.constantFrom(0, 256) })
  fc.assert(
    fc.property(pair, domains, moment, triedPorts, bounds, (policies, known, now, ports, max) => {
      const [before, after] = policies
      const whole = diffDecisions(before, after, known, now)
      const part = diffDecisions(before, after, known, now, max)
      const silent = new Set<string>()
      const people = everybody(known, [before, after])
      for (const tuple of tuplesOf(people, people, ports)) {
        const [expected] = changesOf(whole.changes, tuple)
        const [change, ...others] = changesOf(part.changes, tuple)
        if (change === undefined) {
          if (expected !== undefined) {
            silent.add(`${labelOf(tuple.source)} ${labelOf(tuple.destination)}`)
          }
          continue
        }
        said++
        if (others.length > 0 || expected === undefined) return false
        if (change.before.rule !== expected.before.rule) return false
        if (change.after.rule !== expected.after.rule) return false
      }
      if (part.pairsLeftOut > 0) cut++
      return silent.size <= part.pairsLeftOut
    }),
    { numRuns: 300 },
  )
  t.ok(cut > 30, `${cut} are cut`)
  t.ok(said > 1_000, `${said} datagrams are said to be decided differently`)
})

await t.test('one word about all is said in one, however many domains are named', async t => {
  const named = Array.from({ length: 300 }, (_, i) => rule(`r${i}`, `accept a${i}:* -> b${i}:80`))
  const policyOf = (rules: Rule[]): Decisions => ({ rules, sets: [], tags: [] })
  const before = policyOf(named)
  const { changes, pairsLeftOut } = diffDecisions(
    before,
    policyOf([...named, rule('all', 'accept *:* -> *:*')]),
    [],
    0,
  )
  t.equal(pairsLeftOut, 0)
  const [all, ...others] = changes
  t.match(all, { from: { length: 601 }, to: { length: 601 }, except: { length: 300 } })
  t.match(all, { sourcePorts: ALL_PORTS, destinationPorts: ALL_PORTS, kind: 'admitted' })
  t.equal(others.length, 600, 'the ports below 80 and above it, of each pair that a rule names')
  // What comes first is so for those who are named as well.
  const guarded = policyOf([rule('ssh', 'drop *:* -> *:22'), ...named])
  t.match(diffDecisions(before, guarded, [], 0).changes, [
    { from: { length: 601 }, to: { length: 601 }, except: undefined, kind: 'changed' },
  ])
})

await t.test(
  'when all domains are too many, what is about anybody is said all the same',
  async t => {
    const domains = Array.from({ length: 40 }, (_, i) => ({ name: `d${i}`, tags: [`t${i}`] }))
    const rules = domains.map((_, i) =>
      rule(`r${i}`, `accept tag:t${i}:* -> tag:t${(i * 7) % 40}:80`),
    )
    const before = { rules, sets: [], tags: [] }
    const after = { rules: [...rules, rule('all', 'accept *:* -> *:*')], sets: [], tags: [] }
    const { changes, pairsLeftOut } = diffDecisions(before, after, domains, 0, { stepsMax: 200 })
    t.ok(pairsLeftOut > 0 && pairsLeftOut < 42 * 42, `${pairsLeftOut}`)
    const ofAnybody = changes.filter(({ from, to }) => from.includes('*') && to.includes('*'))
    t.match(ofAnybody, [{ after: { rule: 'all' }, kind: 'admitted', sourcePorts: ALL_PORTS }])
    const nothing = diffDecisions(before, after, domains, 0, { stepsMax: 0 })
    t.same(nothing, { changes: [], pairsLeftOut: 42 * 42 })
  },
)

await t.test(
  'a pair that rules name is compared even where the others like it are not',
  async t => {
    const domains = ['a', 'a2'].map(name => ({ name, tags: ['x'] }))
    const rules = [
      rule('first', 'accept a:* -> b:*'),
      ...Array.from({ length: 40 }, (_, i) => rule(`s${i}`, `accept tag:x:${2 * i} -> b:*`)),
      ...Array.from({ length: 40 }, (_, i) => rule(`d${i}`, `accept tag:x:* -> b:${2 * i}`)),
    ]
    const before = { rules, sets: [], tags: [] }
    const after = { rules: [...rules, rule('last', 'drop tag:x:* -> b:*')], sets: [], tags: [] }
    t.same(diffDecisions(before, after, domains, 0, { stepsMax: 130_000 }), {
      changes: [],
      pairsLeftOut: 1,
    })
    t.match(diffDecisions(before, after, domains, 0), {
      changes: { length: 40 * 40, 0: { from: ['a2'], to: ['b'], after: { rule: 'last' } } },
      pairsLeftOut: 0,
    })
  },
)

await t.test('a change says what was decided and what is', async t => {
  const before = { rules: [rule('a', 'accept web:* -> db:1-9 rate 5/s')], sets: [], tags: [] }
  const after = { rules: [rule('b', 'accept web:* -> db:1-8 rate 5/s')], sets: [], tags: [] }
  t.same(diffDecisions(before, before, [], 0), { changes: [], pairsLeftOut: 0 })
  t.same(diffDecisions(before, after, [], 0).changes, [
    {
      from: ['web'],
      sourcePorts: ALL_PORTS,
      to: ['db'],
      destinationPorts: { min: 9, max: 9 },
      type: 'any',
      before: { action: 'accept', rule: 'a', effect: 'accept rate 5/s' },
      after: { action: 'reject', rule: 'default', effect: 'reject' },
      kind: 'refused',
    },
  ])
  const typed = {
    rules: [rule('b', 'accept web:* -> db:1-9 rate 6/s type dgram')],
    sets: [],
    tags: [],
  }
  t.same(
    diffDecisions(before, typed, [], 0).changes.map(({ type, kind }) => `${type} ${kind}`),
    ['dgram changed', 'stream refused'],
  )
})
