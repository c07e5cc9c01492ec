import fc from 'fast-check'
import t from 'tap'
import { fitLine } from '../../../bench/scenarios/line-fit.js'

const coefficient = fc.integer({ min: -1000, max: 1000 })

await t.test('points on a line have its slope, and no noise', async () => {
  fc.assert(
    fc.property(coefficient, coefficient, fc.integer({ min: 3, max: 50 }), (a, b, count) => {
      const { slope, slopeError } = fitLine(Array.from({ length: count }, (_, x) => [x, a + b * x]))
      return Math.abs(slope - b) < 1e-6 && slopeError < 1e-6
    }),
  )
})

await t.test('what goes up and down alike has a slope within its noise', async t => {
  const { slope, slopeError } = fitLine(Array.from({ length: 40 }, (_, x) => [x, x % 2]))
  t.ok(slopeError > 0)
  t.ok(Math.abs(slope) <= 2 * slopeError)
})
