import t from 'tap'
import { assert, AssertionError, unreachable } from '../../src/util/assert.js'

await t.test('assert is silent while the invariant holds', async t => {
  t.doesNotThrow(() => assert(true, 'one is one'))
})

await t.test('assert throws an AssertionError with its sentence when it does not', async t => {
  t.throws(
    () => assert(false, 'a ring is whole slots'),
    new AssertionError('a ring is whole slots'),
  )
  t.equal(new AssertionError('x').name, 'AssertionError')
})

await t.test('unreachable says which value got there', async t => {
  t.throws(() => unreachable('reject' as never), new AssertionError('unreachable: reject'))
})
