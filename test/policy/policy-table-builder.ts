import fc from 'fast-check'
import t from 'tap'
import { Membership } from '../../src/policy/membership.js'
import { PolicyTableBuilder } from '../../src/policy/policy-table-builder.js'
import type { PolicyTable } from '../../src/policy/policy-table.js'
import { parseRule } from '../../src/policy/rule-text.js'
import type { Rule } from '../../src/policy/rule.js'
import { evaluate } from '../../src/policy/verdict.js'
import { crowdedRules, policy, tuple } from './fixtures/arbitraries.js'

/** Builds a table in slices of some steps; says how many slices it took. */
function build(builder: PolicyTableBuilder, steps: number): { table: PolicyTable; slices: number } {
  for (let slices = 1; ; slices++) {
    const table = builder.step(steps)
    if (table !== undefined) return { table, slices }
  }
}

await t.test('a table made in slices of any size answers as the plain loop', async () => {
  const tuples = fc.array(tuple, { minLength: 50, maxLength: 50 })
  const some = fc.oneof(
    policy,
    crowdedRules.map(rules => ({ rules, sets: [], tags: [], tests: [] })),
  )
  fc.assert(
    fc.property(some, tuples, fc.integer({ min: 1, max: 50 }), (each, flows, steps) => {
      const { rules, sets, tags } = each
      const builder = new PolicyTableBuilder(3, rules, new Membership(sets, tags))
      const { table } = build(builder, steps)
      return flows.every(flow => {
        const { source, sourcePort, destination, destinationPort, type } = flow
        const verdict = table.decide(source, sourcePort, destination, destinationPort, type)
        const expected = evaluate(rules, 3, flow, { sets, tags, now: -Infinity })
        return verdict.position === expected.position && verdict.rule === expected.rule
      })
    }),
    { numRuns: 200 },
  )
})

await t.test('ten thousand rules are made in thousands of steps, whatever they say', async t => {
  const shapes: ((i: number) => string)[] = [
    i => `accept web${i % 100}:* -> db${i}:${i} replies`,
    i => `accept tag:web:* -> db:${i * 3}-${i * 3 + 5}`,
    i => `accept *:${i * 7}-${i * 7 + 5000} -> *:${(i * 7919) % 60000}-${((i * 7919) % 60000) + 9}`,
  ]
  for (const shape of shapes) {
    const rules = Array.from({ length: 10_000 }, (_, i): Rule => {
      const parsed = parseRule(shape(i))
      if (!parsed.ok) throw new Error(parsed.message)
      return { id: `r${i}`, ...parsed.rule }
    })
    const builder = new PolicyTableBuilder(1, rules)
    const { table, slices } = build(builder, 100)
    t.ok(slices > 300, `${slices} slices of 100 steps`)
    t.equal(table.verdictCount, 10_001)
    t.equal(builder.step(1), table, 'it is made once')
  }
})

await t.test('a table without rules is made too', async t => {
  t.equal(build(new PolicyTableBuilder(0, []), 1).table.verdictCount, 1)
})
