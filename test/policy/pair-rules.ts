import fc from 'fast-check'
import t from 'tap'
import { PairRules } from '../../src/policy/pair-rules.js'
import { matchesPort } from '../../src/policy/selector.js'
import { moment, smallPolicy, tuple } from './fixtures/arbitraries.js'
import { verdictOn } from './fixtures/tried-out.js'

await t.test('the first rectangle that holds the ports is the rule that decides', async t => {
  let decided = 0
  fc.assert(
    fc.property(smallPolicy, fc.array(tuple, { minLength: 20 }), moment, (policy, tuples, now) => {
      const rules = new PairRules(policy, now)
      return tuples.every(each => {
        const { source, sourcePort, destination, destinationPort, type } = each
        const first = rules
          .rectangles(source, destination, type)
          .find(
            r => matchesPort(r.source, sourcePort) && matchesPort(r.destination, destinationPort),
          )
        if (first !== undefined) decided++
        return (first?.position ?? 0) === verdictOn(policy, each, now).position
      })
    }),
    { numRuns: 300 },
  )
  t.ok(decided > 1_000)
})

await t.test('domains with the same signature are decided alike', async t => {
  let alike = 0
  fc.assert(
    fc.property(smallPolicy, tuple, tuple, (policy, each, { source: other }) => {
      const rules = new PairRules(policy, 0)
      if (rules.signature(each.source) !== rules.signature(other)) return true
      if ((each.source.name === 'control') !== (other.name === 'control')) return true
      alike++
      const { position } = verdictOn(policy, each, 0)
      return verdictOn(policy, { ...each, source: other }, 0).position === position
    }),
    { numRuns: 2_000 },
  )
  t.ok(alike > 100, `${alike}`)
})
