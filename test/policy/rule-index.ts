import t from 'tap'
import { compileRules } from '../../src/policy/compiled-rules.js'
import { RuleIndex } from '../../src/policy/rule-index.js'
import { rulesOf } from './fixtures/rules.js'

await t.test('a group is found by its two places, and its rules by ports and type', async t => {
  const index = new RuleIndex(
    compileRules(rulesOf('accept web:* -> tag:db:1 replies', 'drop web:* -> tag:db:2 type stream')),
  )
  const [web, db] = [index.sourceOf('web'), index.destinationOf('tag:db')]
  const there = index.groupOf(web, db)
  t.equal(index.lookup(there, 5, 1, 'stream', 99), 1)
  t.equal(index.lookup(there, 5, 1, 'dgram', 1), 1, 'only a rule before the bound')
  t.equal(index.lookup(there, 5, 2, 'stream', 99), 2)
  t.equal(index.lookup(there, 5, 2, 'dgram', 99), 99)
  const back = index.groupOf(index.sourceOf('tag:db'), index.destinationOf('web'))
  t.equal(index.lookup(back, 1, 5, 'dgram', 99), 1)
  t.equal(index.lookup(back, 5, 1, 'dgram', 99), 99)
  t.equal(index.groupOf(web, index.destinationOf('web')), -1)
  t.equal(index.nextExpiry, Infinity)
})

await t.test('a place is found on the side on which rules mean it', async t => {
  const index = new RuleIndex(compileRules(rulesOf('drop web:* -> db:1')))
  t.same(
    ['web', 'db', 'x'].map(place => [index.sourceOf(place), index.destinationOf(place)]),
    [
      [0, -1],
      [-1, 1],
      [-1, -1],
    ],
  )
})

await t.test('a rule that expires counts until it is taken out', async t => {
  const index = new RuleIndex(
    compileRules(
      rulesOf(
        'drop a:1-9 -> b:1-9 expires 1970-01-01T00:00:02Z',
        'drop a:* -> b:5 type stream expires 1970-01-01T00:00:01Z',
        'drop a:* -> b:5-7 type dgram expires 1970-01-01T00:00:03Z',
        'accept a:* -> c:*',
      ),
    ),
  )
  const group = index.groupOf(index.sourceOf('a'), index.destinationOf('b'))
  const ports = [
    [0, 5],
    [1, 5],
    [10, 5],
    [5, 0],
    [9, 9],
    [5, 10],
    [20, 7],
  ] as const
  const answers = (type: 'dgram' | 'stream'): number[] =>
    ports.map(([from, to]) => index.lookup(group, from, to, type, 9))
  t.same(answers('stream'), [2, 1, 2, 9, 1, 9, 9])
  t.same(answers('dgram'), [3, 1, 3, 9, 1, 9, 3])
  t.equal(index.lookup(group, 1, 5, 'dgram', 1), 1, 'only a rule before the bound')
  t.equal(index.nextExpiry, 1_000)
  index.expire(1_000)
  t.same(answers('stream'), [9, 1, 9, 9, 1, 9, 9])
  t.equal(index.nextExpiry, 2_000)
  index.expire(2_000)
  t.same(answers('dgram'), [3, 3, 3, 9, 9, 9, 3])
  index.expire(3_000)
  t.same(answers('dgram'), [9, 9, 9, 9, 9, 9, 9])
  t.equal(index.nextExpiry, Infinity)
})
