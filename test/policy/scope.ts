import t from 'tap'
import { EVERYWHERE } from '../../src/policy/scope.js'
import { hasTag, isExpired } from '../../src/policy/selector.js'

await t.test('without a scope nothing expires, and nobody has a tag but its own', async t => {
  t.equal(isExpired({ expires: 0 }, EVERYWHERE.now), false)
  t.equal(hasTag({ name: 'a', tags: ['x'] }, 'x', EVERYWHERE), true)
  t.equal(hasTag({ name: 'a', tags: ['x'] }, 'y', EVERYWHERE), false)
  t.same(EVERYWHERE.sets, [])
})
