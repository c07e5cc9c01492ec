import fc from 'fast-check'
import t from 'tap'
import { canMeet, orderMatters } from '../../src/policy/rule-meet.js'
import { parseRule } from '../../src/policy/rule-text.js'
import { matches, type RuleBody } from '../../src/policy/rule.js'
import { ruleBody, smallPolicy, tuple } from './fixtures/arbitraries.js'

function rule(text: string): RuleBody {
  const parsed = parseRule(text)
  if (!parsed.ok) throw new Error(parsed.message)
  return parsed.rule
}

await t.test('rules meet where a datagram can match both', async t => {
  for (const [a, b, meet] of [
    ['accept a:* -> b:1', 'reject a:* -> b:1-2', true],
    ['accept a:* -> b:1', 'reject a:* -> b:2', false],
    ['accept a:* -> b:1', 'reject c:* -> b:1', false],
    ['accept a:* -> b:1', 'reject tag:x:* -> *:1', true],
    ['accept a:* -> control:1', 'reject *:* -> *:*', false],
    ['accept a:* -> control:1', 'reject *:* -> control:*', true],
    ['accept a:* -> b:1 type dgram', 'reject a:* -> b:1 type stream', false],
    ['accept a:* -> b:1 type dgram', 'reject a:* -> b:1', true],
    ['accept a:* -> b:1 replies', 'reject b:1 -> a:*', true],
    ['accept a:* -> b:1', 'reject b:1 -> a:*', false],
  ] as const) {
    t.equal(canMeet(rule(a), rule(b)), meet, `${a} and ${b}`)
    t.equal(canMeet(rule(b), rule(a)), meet, `${b} and ${a}`)
    t.equal(orderMatters(rule(a), rule(b)), meet, `${a} before ${b}`)
  }
})

await t.test('the order of rules that do the same matters only with limits', async t => {
  const plain = rule('accept a:* -> b:1')
  t.equal(orderMatters(plain, rule('accept *:* -> b:1')), false)
  t.equal(orderMatters(plain, rule('accept *:* -> b:1 rate 5/s')), true)
  t.equal(orderMatters(rule('accept *:* -> b:1 max_bytes 5'), plain), true)
})

await t.test('rules that no datagram can match together never match one', async () => {
  fc.assert(
    fc.property(ruleBody, ruleBody, smallPolicy, tuple, (a, b, { sets, tags }, asked) => {
      const scope = { sets, tags, now: 0 }
      return canMeet(a, b) || !matches(a, asked, scope) || !matches(b, asked, scope)
    }),
    { numRuns: 1_000 },
  )
})
