import { createHistogram } from 'node:perf_hooks'
import fc from 'fast-check'
import t from 'tap'
import { distributionOf, hgrmText } from '../../src/cli/measure/distribution.js'

function gathered(times: readonly number[]): ReturnType<typeof createHistogram> {
  const histogram = createHistogram({ lowest: 1, highest: 600e9, figures: 3 })
  for (const ns of times) histogram.record(ns)
  return histogram
}

await t.test('each row says how many times were no longer, up to all of them', async () => {
  const times = fc.array(fc.integer({ min: 1, max: 10_000_000 }), { minLength: 1, maxLength: 300 })
  fc.assert(
    fc.property(times, all => {
      const { rows, count } = distributionOf(gathered(all))
      for (const [i, { us, percentile, count: until }] of rows.entries()) {
        const before = rows[i - 1] ?? { us: 0, percentile: -1, count: 0 }
        const rises = us >= before.us && percentile > before.percentile && until >= before.count
        const isExact = all.filter(ns => ns <= us * 1000 + 0.5).length === until
        // The percentile asked for is the nearest whole number of them, or more.
        if (!rises || !isExact || until < percentile * all.length - 1) return false
      }
      return count === all.length && rows.at(-1)!.count === count && rows.at(-1)!.percentile === 1
    }),
    { numRuns: 100 },
  )
})

await t.test('a percentile file is as HdrHistogram writes it, in microseconds', async t => {
  t.equal(
    hgrmText(distributionOf(gathered([1000, 2000, 2000, 1_000_000]))),
    `       Value     Percentile TotalCount 1/(1-Percentile)

       1.000 0.000000000000          1           1.00
       1.000 0.100000000000          1           1.11
       1.000 0.200000000000          1           1.25
       1.000 0.300000000000          1           1.43
       2.000 0.400000000000          3           1.67
       2.000 0.500000000000          3           2.00
       2.000 0.550000000000          3           2.22
       2.000 0.600000000000          3           2.50
       2.000 0.650000000000          3           2.86
       2.000 0.700000000000          3           3.33
       2.000 0.750000000000          3           4.00
       2.000 0.775000000000          3           4.44
       2.000 0.800000000000          3           5.00
       2.000 0.825000000000          3           5.71
       2.000 0.850000000000          3           6.67
    1000.447 1.000000000000          4
#[Mean    =      251.298, StdDeviation   =      432.374]
#[Max     =     1000.447, Total count    =            4]
# Values are microseconds.
`,
  )
})
