import fc from 'fast-check'
import t from 'tap'
import { ownBuffers } from '../../../src/control/policy/own-buffers.js'
import { packTable, unpackTable } from '../../../src/control/policy/packed-table.js'
import { Membership } from '../../../src/policy/membership.js'
import { evaluate } from '../../../src/policy/verdict.js'
import { crowdedRules, policy, tuple } from '../../policy/fixtures/arbitraries.js'

void t.test('a table that went through a thread answers as the plain loop', t => {
  const tuples = fc.array(tuple, { minLength: 50, maxLength: 50 })
  const some = fc.oneof(
    policy,
    crowdedRules.map(rules => ({ rules, sets: [], tags: [], tests: [] })),
  )
  fc.assert(
    fc.property(some, tuples, (each, flows) => {
      const { rules, sets, tags } = each
      const packed = packTable(rules)
      const sent = structuredClone(packed, { transfer: ownBuffers(packed) })
      const table = unpackTable(sent, 3, new Membership(sets, tags))
      t.strictSame(table.rules, JSON.parse(JSON.stringify(rules)))
      return flows.every(flow => {
        const { source, sourcePort, destination, destinationPort, type } = flow
        const verdict = table.decide(source, sourcePort, destination, destinationPort, type)
        const expected = evaluate(rules, 3, flow, { sets, tags, now: -Infinity })
        return (
          verdict.position === expected.position &&
          verdict.action === expected.action &&
          verdict.rule?.id === expected.rule?.id
        )
      })
    }),
    { numRuns: 200 },
  )
  t.end()
})
