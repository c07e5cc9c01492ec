import t from 'tap'
import { PairRules } from '../../src/policy/pair-rules.js'
import { PartyClasses, type PartyClass } from '../../src/policy/party-classes.js'
import { partiesOf } from '../../src/policy/parties.js'
import { rulesOf } from './fixtures/rules.js'

await t.test('who is named only together with one other is like others', async t => {
  const rules = rulesOf(
    'accept a:* -> b:1',
    'accept c:* -> *:2',
    'accept *:* -> d:3',
    'accept tag:x:* -> b:4',
  )
  const before = { rules, sets: [], tags: [] }
  const after = { rules, sets: [], tags: [{ tag: 'x', domains: ['a'] }] }
  const both = [new PairRules(before, 0), new PairRules(after, 0)] as const
  const parties = partiesOf([before, after], both, [])
  const textOf = ({ parties, isMoved, isAny }: PartyClass): string =>
    [parties.flatMap(({ labels }) => labels).join(), isMoved && 'moved', isAny && 'any'].join(' ')
  const sources = new PartyClasses('source', parties, both)
  t.same(sources.all.map(textOf), [
    'a moved any',
    'b,d,* false any',
    'c false any',
    'control false false',
  ])
  const destinations = new PartyClasses('destination', parties, both)
  t.same(destinations.all.map(textOf), [
    'a,c,* false any',
    'b false any',
    'd false any',
    'control false false',
  ])
  t.same(destinations.at(['d', 'b', 'nobody', 'd']).map(textOf), ['b false any', 'd false any'])
  for (const party of parties) t.ok(sources.of(party).parties.includes(party))
})
