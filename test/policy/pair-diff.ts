import t from 'tap'
import { PairDiff, decisionOf, type Compared, type Places } from '../../src/policy/pair-diff.js'
import { PairRules } from '../../src/policy/pair-rules.js'
import { placesOf } from '../../src/policy/places.js'
import { rulesOf } from './fixtures/rules.js'

function compared(...texts: string[]): Compared {
  const rules = new PairRules({ rules: rulesOf(...texts), sets: [], tags: [] }, 0)
  return { rules, changed: new Set(texts.map((_, index) => index + 1)) }
}

const membership = new PairRules({ rules: [], sets: [], tags: [] }, 0).membership
const placesOfName = (name: string): Places => {
  const places = placesOf({ name, tags: [] }, membership)
  return [places, places]
}
const [a, b, c] = ['a', 'b', 'c'].map(placesOfName) as [Places, Places, Places]

await t.test('a decision says its action and its limits', async t => {
  t.same(decisionOf(null), { action: 'reject', rule: 'default', effect: 'reject' })
  const [rule] = rulesOf('accept a:* -> b:1 rate 5/s max_bytes 9')
  t.same(decisionOf(rule!), { action: 'accept', rule: 'r1', effect: 'accept max_bytes 9 rate 5/s' })
})

await t.test('the same change is the same thing, whichever pair it is found for', async t => {
  const diff = new PairDiff(compared(), compared('accept *:* -> *:1-9'), 1_000)
  const [found] = diff.between(a, b)!
  t.match(found, { destinationPorts: { min: 1, max: 9 }, type: 'any', kind: 'admitted' })
  t.equal(diff.between(b, c)![0], found)
})

await t.test('types are told apart where they differ', async t => {
  const diff = new PairDiff(
    compared('accept *:* -> *:1', 'accept *:* -> *:2 type stream'),
    compared('accept *:* -> *:1 type dgram', 'drop *:* -> *:3'),
    1_000,
  )
  t.same(
    diff
      .between(a, b)!
      .map(({ type, destinationPorts, kind }) => [type, destinationPorts.min, kind].join(' ')),
    ['any 3 changed', 'stream 1 refused', 'stream 2 refused'],
  )
})

await t.test('what takes more steps than are left is not answered', async t => {
  const crossing = Array.from({ length: 40 }, (_, i) => `accept *:${i} -> *:*`)
  const across = Array.from({ length: 40 }, (_, i) => `drop *:* -> *:${i}`)
  const narrow = ['drop c:* -> c:1', 'accept c:* -> c:2 type dgram']
  const [before, after] = [compared(...crossing, ...narrow), compared(...across, 'drop c:* -> c:3')]
  const whole = new PairDiff(before, after, 1_000_000)
  t.ok(whole.between(a, b)!.length > 100)
  t.notOk(whole.isSpent)
  for (const stepsMax of [100, 1_000, 5_000]) {
    const diff = new PairDiff(before, after, stepsMax)
    t.equal(diff.between(a, b), undefined, `with ${stepsMax}`)
    t.equal(diff.between(c, c), undefined, 'nor for each type')
  }
  const spent = new PairDiff(before, after, 0)
  t.ok(spent.isSpent)
  t.equal(spent.between(a, b), undefined)
})
