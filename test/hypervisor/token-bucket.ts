import fc from 'fast-check'
import t from 'tap'
import { TokenBucket } from '../../src/hypervisor/token-bucket.js'
import type { Rate } from '../../src/policy/rule.js'

const perSecond = (count: number): Rate => ({ count, perSeconds: 1 })

await t.test('a bucket starts full, and fills at its rate up to its burst', async t => {
  const bucket = new TokenBucket(perSecond(10), 5, 1000)
  t.equal(bucket.tokens(1000), 5)
  bucket.take(5)
  t.same(
    [1000, 1099, 1100, 1199, 1500, 9999].map(now => bucket.tokens(now)),
    [0, 0, 1, 1, 5, 5],
  )
})

await t.test('without a burst it holds what comes in a second, and one at least', async t => {
  t.equal(new TokenBucket(perSecond(7), undefined, 0).tokens(0), 7)
  t.equal(new TokenBucket({ count: 90, perSeconds: 60 }, undefined, 0).tokens(0), 2)
  t.equal(new TokenBucket({ count: 1, perSeconds: 3600 }, undefined, 0).tokens(0), 1)
})

await t.test('it is full again when a new one would be the same', async t => {
  const bucket = new TokenBucket({ count: 5, perSeconds: 3600 }, 2, 0)
  t.ok(bucket.isFull(0))
  bucket.take(1)
  t.notOk(bucket.isFull(719_999))
  t.ok(bucket.isFull(720_000))
})

await t.test('a clock that is set back neither gives nor takes tokens', async t => {
  const bucket = new TokenBucket(perSecond(1), 2, 10_000)
  bucket.take(2)
  t.equal(bucket.tokens(5_000), 0)
  t.equal(bucket.tokens(6_000), 1)
})

await t.test(
  'who waits is told when there is a token, or several where they come fast',
  async t => {
    const slow = new TokenBucket(perSecond(10), 5, 0)
    t.equal(slow.msUntilWorthwhile(5, 0), 0)
    slow.take(5)
    t.equal(slow.msUntilWorthwhile(5, 0), 100)
    t.equal(slow.msUntilWorthwhile(5, 40), 60)
    const fast = new TokenBucket(perSecond(10_000), 10_000, 0)
    fast.take(10_000)
    t.equal(fast.msUntilWorthwhile(5, 0), 5)
    t.equal(fast.tokens(5), 50)
    const narrow = new TokenBucket(perSecond(10_000), 1, 0)
    narrow.take(1)
    t.equal(narrow.msUntilWorthwhile(5, 0), 1, 'no more is waited for than it holds')
  },
)

await t.test('another rate keeps the tokens there are, as far as there is room', async t => {
  const bucket = new TokenBucket(perSecond(10), 10, 0)
  bucket.take(4)
  bucket.change(perSecond(100), 3, 0)
  t.equal(bucket.tokens(0), 3)
  bucket.take(3)
  bucket.change({ count: 1, perSeconds: 60 }, undefined, 0)
  t.equal(bucket.tokens(59_999), 0)
  t.equal(bucket.tokens(60_000), 1)
})

await t.test('in no stretch of time more is taken than the burst and the rate allow', async () => {
  const perSeconds = fc.constantFrom(1, 60, 3600) as fc.Arbitrary<Rate['perSeconds']>
  const count = fc.oneof(fc.integer({ min: 1, max: 5000 }), fc.constant(1_000_000_000))
  fc.assert(
    fc.property(
      fc.record({ count, perSeconds }),
      fc.oneof(fc.integer({ min: 1, max: 100 }), fc.constant(1_000_000_000)),
      fc.array(fc.record({ wait: fc.nat(5_000), wish: fc.nat(400) }), { maxLength: 60 }),
      (rate, burst, steps) => {
        const bucket = new TokenBucket(rate, burst, 0)
        const taken: { at: number; tokens: number }[] = []
        let now = 0
        for (const { wait, wish } of steps) {
          now += wait
          const tokens = Math.min(wish, bucket.tokens(now))
          bucket.take(tokens)
          taken.push({ at: now, tokens })
        }
        for (const [first, { at }] of taken.entries()) {
          let sum = 0
          for (const later of taken.slice(first)) {
            sum += later.tokens
            const earned = ((later.at - at) * rate.count) / (1000 * rate.perSeconds)
            if (sum > burst + earned + 1e-6) return false
          }
        }
        return true
      },
    ),
  )
})

await t.test('tokens come however often it is changed', async t => {
  const slow: Rate = { count: 1, perSeconds: 3600 }
  const bucket = new TokenBucket(slow, 1, 0)
  bucket.take(1)
  for (let now = 1_000; now < 3_600_000; now += 1_000) {
    bucket.change(now % 2_000 === 0 ? slow : { count: 60, perSeconds: 3600 }, 1, now - 1_000)
    bucket.change(slow, 1, now - 1_000)
  }
  t.equal(bucket.tokens(3_599_999), 0)
  t.equal(bucket.tokens(3_600_000), 1)
})
