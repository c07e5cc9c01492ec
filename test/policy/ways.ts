import t from 'tap'
import { formatSelector } from '../../src/policy/selector.js'
import { waysOf } from '../../src/policy/ways.js'
import { rulesOf } from './fixtures/rules.js'

await t.test('a rule with replies goes both ways', async t => {
  const [there, both] = rulesOf('accept a:1 -> b:2', 'accept a:1 -> b:2 replies').map(rule =>
    waysOf(rule).map(({ source, destination }) =>
      [source, destination].map(formatSelector).join(' '),
    ),
  )
  t.same(there, ['a:1 b:2'])
  t.same(both, ['a:1 b:2', 'b:2 a:1'])
})
