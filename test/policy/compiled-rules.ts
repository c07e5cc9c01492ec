import t from 'tap'
import {
  AS_DESTINATION,
  AS_SOURCE,
  compileRules,
  GROUP_WORDS,
} from '../../src/policy/compiled-rules.js'
import { NameIndex } from '../../src/policy/name-index.js'
import { rulesOf } from './fixtures/rules.js'

await t.test('rules are filed under whom their two sides mean, on both ways', async t => {
  const { places, roles, groups, temporary } = compileRules(
    rulesOf(
      'accept web:* -> tag:db:1 replies',
      'drop @s:* -> *:* expires 1970-01-01T00:00:01Z',
      'drop web:* -> tag:db:2 type stream',
    ),
  )
  const names = new NameIndex(places)
  t.same(
    ['web', 'tag:db', '@s', '*', 'db'].map(place => names.find(place)),
    [0, 1, 2, 3, -1],
  )
  const both = AS_SOURCE | AS_DESTINATION
  t.same([...roles], [both, both, AS_SOURCE, AS_DESTINATION])
  t.equal(groups.length, 3 * GROUP_WORDS)
  t.same([...temporary].slice(4), [2, 0, 1_000], 'position, type, end')
})

await t.test('it is known which rules let everything through, and which not all of it', async t => {
  const { plain, limited } = compileRules(
    rulesOf(
      'accept web:* -> db:1',
      'accept web:* -> db:2 max_bytes 9',
      'drop web:* -> db:3',
      'audit web:* -> db:4 rate 1/s',
      'ask web:* -> db:5',
    ),
  )
  t.same([...plain], [0, 1, 0, 0, 0, 0])
  t.same([...limited], [2, 4])
})
