import t from 'tap'
import { compileRules } from '../../src/policy/compiled-rules.js'
import { parseRule } from '../../src/policy/rule-text.js'

await t.test('rules are filed under whom their two sides mean, on both ways', async t => {
  const rules = [
    'accept web:* -> tag:db:1 replies',
    'drop @s:* -> *:* expires 1970-01-01T00:00:01Z',
  ]
  const steps = compileRules(
    rules.map((text, i) => {
      const parsed = parseRule(text)
      if (!parsed.ok) throw new Error(parsed.message)
      return { id: `r${i}`, ...parsed.rule }
    }),
  )
  let next = steps.next()
  let count = 0
  for (; !next.done; next = steps.next()) count++
  t.ok(count >= rules.length, 'every rule is a step')
  const { bySource, destinations, temporary } = next.value
  t.same([...bySource.keys()], ['web', 'tag:db', '@s'])
  t.same([...destinations], ['tag:db', 'web', '*'])
  t.equal(bySource.get('web')?.get('tag:db')?.lookup(5, 1, 'stream', 99), 1)
  t.equal(bySource.get('tag:db')?.get('web')?.lookup(1, 5, 'dgram', 99), 1)
  t.equal(bySource.get('tag:db')?.get('web')?.lookup(5, 1, 'dgram', 99), 99)
  const group = bySource.get('@s')?.get('*')
  t.same(temporary, [group])
  t.equal(group?.nextExpiry, 1_000)
  t.equal(group?.lookup(1, 1, 'dgram', 99), 2)
  t.equal(group?.lookup(1, 1, 'dgram', 2), 2, 'a rule before the bound only')
  group?.expire(1_000)
  t.equal(group?.lookup(1, 1, 'dgram', 99), 99)
  t.equal(group?.nextExpiry, Infinity)
})
