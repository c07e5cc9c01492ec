import fc from 'fast-check'
import t from 'tap'
import { decisionOf, diffDecisions } from '../../src/policy/decision-diff.js'
import { lets, type Rule } from '../../src/policy/rule.js'
import { parseRule } from '../../src/policy/rule-text.js'
import { ALL_PORTS, matchesPort } from '../../src/policy/selector.js'
import { domains, moment, smallPolicy, triedPorts } from './fixtures/arbitraries.js'
import { everybody, labelOf, tuplesOf, verdictOn } from './fixtures/tried-out.js'

function rule(id: string, text: string): Rule {
  const parsed = parseRule(text)
  if (!parsed.ok) throw new Error(parsed.message)
  return { id, ...parsed.rule }
}

await t.test('on 200 pairs of policies all that is said to differ does, and no more', async t => {
  let changed = 0
  // An edit of a policy, and two that have nothing to do with each other.
  const pair = fc.oneof(
    fc.tuple(smallPolicy, smallPolicy),
    fc.tuple(smallPolicy, fc.nat()).map(([policy, n]) => {
      const rules = policy.rules.filter((_, index) => index !== n % (policy.rules.length + 1))
      return [policy, { ...policy, rules }] as const
    }),
  )
  fc.assert(
    fc.property(pair, domains, moment, triedPorts, ([before, after], known, now, ports) => {
      const changes = diffDecisions(before, after, known, now)
      const people = everybody(known, [before, after])
      for (const tuple of tuplesOf(people, people, ports)) {
        const found = changes.filter(
          change =>
            change.from.includes(labelOf(tuple.source)) &&
            change.to.includes(labelOf(tuple.destination)) &&
            matchesPort(change.sourcePorts, tuple.sourcePort) &&
            matchesPort(change.destinationPorts, tuple.destinationPort) &&
            (change.type === 'any' || change.type === tuple.type),
        )
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
    }),
    { numRuns: 200 },
  )
  t.ok(changed > 1_000, `${changed} datagrams are decided differently`)
})

await t.test('a change says what was decided and what is', async t => {
  const before = { rules: [rule('a', 'accept web:* -> db:1-9 rate 5/s')], sets: [], tags: [] }
  const after = { rules: [rule('b', 'accept web:* -> db:1-8 rate 5/s')], sets: [], tags: [] }
  t.same(diffDecisions(before, before, [], 0), [])
  t.same(diffDecisions(before, after, [], 0), [
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
    diffDecisions(before, typed, [], 0).map(({ type, kind }) => `${type} ${kind}`),
    ['dgram changed', 'stream refused'],
  )
})
