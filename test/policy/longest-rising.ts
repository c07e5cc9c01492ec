import fc from 'fast-check'
import t from 'tap'
import { longestRising } from '../../src/policy/longest-rising.js'

await t.test('the longest rising part of a list is found', async t => {
  t.same([...longestRising([])], [])
  t.same(longestRising([4, 1, 2, 3]), new Set([1, 2, 3]))
  t.same([...longestRising([3, 2, 1])].length, 1)
})

await t.test('it rises, and no part that rises is longer', async () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(20), { maxLength: 9 }), numbers => {
      const found = longestRising(numbers)
      const inOrder = numbers.filter(number => found.has(number))
      if (inOrder.some((number, i) => i > 0 && number < inOrder[i - 1]!)) return false
      let longest = 0
      for (let mask = 0; mask < 1 << numbers.length; mask++) {
        const part = numbers.filter((_, i) => (mask & (1 << i)) !== 0)
        if (part.every((number, i) => i === 0 || number > part[i - 1]!)) {
          longest = Math.max(longest, part.length)
        }
      }
      return found.size === longest
    }),
  )
})
