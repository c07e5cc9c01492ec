import t from 'tap'
import { PairRules } from '../../src/policy/pair-rules.js'
import { partiesOf, PartyIndex } from '../../src/policy/parties.js'
import { parseRule } from '../../src/policy/rule-text.js'
import { ALL_PORTS } from '../../src/policy/selector.js'

await t.test('everybody who is known or named is in one party, and so is anybody else', async t => {
  const rules = ['accept tag:web:* -> db:5432', 'accept tag:ops:* -> @s:22'].map((text, i) => {
    const parsed = parseRule(text)
    if (!parsed.ok) throw new Error(parsed.message)
    return { id: `r${i}`, ...parsed.rule }
  })
  const policy = {
    rules,
    sets: [{ name: 's', elements: [{ kind: 'tag', tag: 'host', ports: ALL_PORTS } as const] }],
    tags: [{ tag: 'ops', domains: ['anna'] }],
  }
  const domains = [
    { name: 'web1', tags: ['web', 'red'] },
    { name: 'web2', tags: ['web'] },
    { name: 'idle', tags: ['red'] },
  ]
  const parties = partiesOf([policy], [new PairRules(policy, 0)], domains)
  t.same(
    parties.map(({ labels }) => labels.join(' ')),
    ['web1 web2', 'idle *', 'db', 'anna', 'control', 'tag:host'],
  )
  const index = new PartyIndex(parties, [new PairRules(policy, 0)])
  t.same(
    index.at(['@s', 'tag:web', 'db', 'nowhere']).map(({ labels }) => labels[0]),
    ['web1', 'db', 'tag:host'],
  )
})
