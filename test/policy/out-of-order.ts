import fc from 'fast-check'
import t from 'tap'
import { outOfOrder } from '../../src/policy/out-of-order.js'

await t.test('what two lists have in common in the same order is taken out', async t => {
  const of = (before: string, after: string): string => {
    const rest = outOfOrder(before.split(''), after.split(''))
    return `${rest.before.join()}|${rest.after.join()}`
  }
  t.equal(of('abc', 'abc'), '|')
  t.equal(of('abc', 'abxc'), '|2')
  t.equal(of('abc', 'bca'), '0|2')
  t.equal(of('aab', 'ab'), '1|')
  t.equal(of('', 'aa'), '|0,1')
})

await t.test('without what is left, the lists are the same', async () => {
  const list = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 9 })
  fc.assert(
    fc.property(list, list, (before, after) => {
      const rest = outOfOrder(before, after)
      const keep = (each: readonly string[], left: readonly number[]): string =>
        each.filter((_, index) => !left.includes(index)).join()
      return keep(before, rest.before) === keep(after, rest.after)
    }),
  )
})
