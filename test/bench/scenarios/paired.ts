import t from 'tap'
import { Rounds, thereAndBack } from '../../../bench/scenarios/paired.js'

await t.test('a round goes forwards and then backwards', async t => {
  t.same(thereAndBack([1, 2, 3]), [1, 2, 3, 3, 2, 1])
})

await t.test('rounds are compared with the base in the same round alone', async t => {
  const [base, other] = [new Rounds(), new Rounds()]
  t.equal(base.isEmpty, true)
  // A machine that is ten times as fast in the second round, and a third that only one took part in.
  for (const rate of [100, 300]) base.add(1, rate)
  for (const rate of [2000, 2000]) base.add(2, rate)
  base.add(3, 1)
  for (const rate of [90, 270]) other.add(1, rate)
  for (const rate of [1900, 1500]) other.add(2, rate)
  const { median, min, max } = other.percentBelow(base)
  t.same([median, min, max].map(Math.round), [13, 10, 15])
  t.equal(other.median, 885)
  t.equal(base.isEmpty, false)
})
