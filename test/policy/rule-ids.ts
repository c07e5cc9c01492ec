import fc from 'fast-check'
import t from 'tap'
import { isNumbered, RuleIds, wouldTake } from '../../src/policy/rule-ids.js'
import { parseRule } from '../../src/policy/rule-text.js'
import { ruleIdProblem, type RuleBody } from '../../src/policy/rule.js'
import { ruleBody } from './fixtures/arbitraries.js'

function rule(text: string): RuleBody {
  const parsed = parseRule(text)
  if (!parsed.ok) throw new Error(parsed.message)
  return parsed.rule
}

await t.test('an id says what the rule says', async t => {
  const ids = new RuleIds([])
  t.equal(ids.derive(rule('accept web:* -> db:5432')), 'accept-web-db.5432')
  t.equal(ids.derive(rule('drop tag:a:1-2 -> *:* type dgram')), 'drop-tag.a.1-2-any-dgram')
  t.equal(ids.derive(rule('ask @a:1 -> @b:*')), 'ask-set.a.1-set.b')
  t.equal(ids.derive(rule('reject *:* -> control:7')), 'reject-any-control.7')
})

await t.test('an id that is taken gets a number', async t => {
  const ids = new RuleIds(['accept-web-db', 'accept-web-db-3'])
  const again = rule('accept web:* -> db:*')
  t.equal(ids.derive(again), 'accept-web-db-2')
  t.equal(ids.derive(again), 'accept-web-db-4')
  t.equal(ids.derive(again), 'accept-web-db-5')
})

await t.test('long names are cut so that the number still fits', async t => {
  const ids = new RuleIds([])
  const long = rule(`accept ${'a'.repeat(63)}:* -> b:*`)
  t.equal(ids.derive(long), `accept-${'a'.repeat(56)}`)
  t.equal(ids.derive(long), `accept-${'a'.repeat(54)}-2`)
})

await t.test(
  'ten thousand equal rules take no longer than ten thousand different ones',
  async t => {
    const ids = new RuleIds([])
    const same = rule('drop *:* -> *:*')
    let last = ''
    for (let i = 0; i < 10_000; i++) last = ids.derive(same)
    t.equal(last, 'drop-any-any-10000')
  },
)

await t.test('whatever the rules, ids are fit, unique, and the same the next time', async () => {
  fc.assert(
    fc.property(fc.array(ruleBody), rules => {
      const first = new RuleIds(['accept-any-any'])
      const second = new RuleIds(['accept-any-any'])
      const ids = rules.map(body => first.derive(body))
      return (
        new Set([...ids, 'accept-any-any']).size === ids.length + 1 &&
        ids.every(id => ruleIdProblem(id) === undefined) &&
        rules.every((body, i) => second.derive(body) === ids[i])
      )
    }),
  )
})

await t.test('a rule would be called what a lower number makes free', async t => {
  const body = rule('accept a:* -> b:1-5')
  const named = (id: string): RuleBody & { id: string } => ({ ...body, id })
  t.ok(wouldTake(named('accept-a-b.1-5-3'), 'accept-a-b.1-5'))
  t.ok(wouldTake(named('accept-a-b.1-5-3'), 'accept-a-b.1-5-2'))
  t.ok(isNumbered(named('accept-a-b.1-5-3')))
  const others = [
    ['accept-a-b.1-5', 'accept-a-b.1-5-2'],
    ['accept-a-b.1-5-2', 'accept-a-b.1-5-2'],
    ['accept-a-b.1-5-2', 'accept-a-b.1-5-3'],
    ['accept-a-b.1-5-2', 'accept-a-b.1-5-1'],
    ['accept-a-b.1-5-2', 'accept-a-b.1-5-0'],
    ['accept-a-b.1-5-2', 'accept-a-b.1-50'],
    ['accept-a-b.1-5-2', 'accept-a-b.1'],
    ['accept-a-b-2', 'accept-a-b'],
    ['mine', 'accept-a-b.1-5'],
  ] as const
  for (const [id, free] of others) t.notOk(wouldTake(named(id), free), `${id} ${free}`)
  for (const id of ['accept-a-b.1-5', 'accept-a-b.1-5-02', 'mine', 'mine-2']) {
    t.notOk(isNumbered(named(id)), id)
  }
})

await t.test('whatever the rules, what would take an id does so when it is free', async () => {
  const twins = fc.array(fc.constantFrom(...['b:1', 'b:1-5', 'b-2:*', 'b:*', 'b:1-2']))
  fc.assert(
    fc.property(twins, fc.array(fc.constantFrom('accept-a-b', 'accept-a-b.1-5-2')), (ends, own) => {
      const bodies = ends.map(end => rule(`accept a:* -> ${end}`))
      const ids = new RuleIds(own)
      const rules = bodies.map(body => ({ ...body, id: ids.derive(body) }))
      return rules.every(({ id: gone }) => {
        const less = new RuleIds(own)
        const others = rules.filter(({ id }) => id !== gone)
        const isSame = others.every(each => less.derive(each) === each.id)
        return isSame || others.some(each => wouldTake(each, gone))
      })
    }),
  )
})
