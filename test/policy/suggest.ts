import fc from 'fast-check'
import t from 'tap'
import { formatPolicyDocument, parsePolicyDocument } from '../../src/policy/document.js'
import { PolicyTable } from '../../src/policy/policy-table.js'
import { Replay } from '../../src/policy/replay.js'
import { formatRule } from '../../src/policy/rule-text.js'
import type { SeenFlow } from '../../src/policy/seen-flow.js'
import type { Subject } from '../../src/policy/subject.js'
import { suggest } from '../../src/policy/suggest.js'
import { runTests } from '../../src/policy/test-run.js'
import { formatTestEnd } from '../../src/policy/test-text.js'
import { seen, seenFlow } from './fixtures/seen-flows.js'

function rulesOf(...flows: SeenFlow[]): string[] {
  return suggest(flows).rules.map(rule => formatRule({ ...rule, comment: '' }))
}

function testsOf(...flows: SeenFlow[]): string[] {
  return suggest(flows).tests.map(
    ({ from, to, expect, rule }) =>
      `${formatTestEnd(from)} -> ${formatTestEnd(to)} ${expect} ${rule ?? '-'}`,
  )
}

await t.test('a request and its answers are one rule', async t => {
  t.same(rulesOf(seen('a:picked -> b:80'), seen('b:80 -> a:picked')), [
    'accept a:* -> b:80 type dgram replies',
  ])
  t.same(rulesOf(seen('b:80 -> a:picked'), seen('a:picked -> b:80')), [
    'accept a:* -> b:80 type dgram replies',
  ])
  t.same(rulesOf(seen('a:picked -> b:80')), ['accept a:* -> b:80 type dgram'])
})

await t.test(
  'between ports that both sides chose, who came first is the one that asks',
  async t => {
    const first = seen('b:7 -> a:9', { firstAt: 1 })
    t.same(rulesOf(seen('a:9 -> b:7', { firstAt: 2 }), first), [
      'accept b:7 -> a:9 type dgram replies',
    ])
    t.same(rulesOf(seen('b:7 -> a:9'), seen('a:9 -> b:7')), [
      'accept a:9 -> b:7 type dgram replies',
    ])
    t.same(rulesOf(seen('a:picked -> b:picked'), seen('b:picked -> a:picked')), [
      'accept a:* -> b:2147483648-4026531839 type dgram replies',
    ])
  },
)

await t.test('a domain that sends to itself asks and answers nobody', async t => {
  t.same(rulesOf(seen('a:5 -> a:5')), ['accept a:5 -> a:5 type dgram'])
})

await t.test('ports next to each other are a range, and both types are any', async t => {
  t.same(
    rulesOf(
      ...[81, 80, 90].map(port => seen(`a:picked -> b:${port}`)),
      ...[80, 81].map(port => seen(`a:picked -> b:${port}`, { type: 'stream' })),
      seen('a:1 -> b:80'),
      seen('a:picked -> b:picked'),
    ),
    [
      'accept a:* -> b:80-81',
      'accept a:* -> b:90 type dgram',
      'accept a:* -> b:2147483648-4026531839 type dgram',
    ],
  )
})

await t.test('a rule that others make needless is left out', async t => {
  t.same(
    rulesOf(
      seen('a:5 -> b:80'),
      seen('b:80 -> a:5'),
      seen('a:picked -> b:80'),
      seen('a:picked -> b:80', { type: 'stream' }),
      seen('a:6 -> b:80'),
      seen('b:7 -> a:1'),
    ),
    ['accept a:* -> b:80', 'accept a:5 -> b:80 type dgram replies', 'accept b:7 -> a:1 type dgram'],
  )
  t.same(testsOf(seen('a:5 -> b:80'), seen('b:80 -> a:5'), seen('a:picked -> b:80')), [
    'a:2147483648 -> b:80 accept accept-a-b.80-dgram',
    'a:5 -> b:80 accept accept-a-b.80-dgram',
  ])
})

await t.test('what was seen is said, over all times and rules', async t => {
  const { rules } = suggest([
    seen('a:picked -> b:80', { datagrams: 5, lastAt: 1_000 }),
    seen('a:picked -> b:80', { datagrams: 2, lastAt: 0, rule: 'r2', effect: 'audit' }),
    seen('a:picked -> b:81', { effect: 'ask' }),
  ])
  t.match(rules, [{ comment: 'seen 8 times, last 1970-01-01T00:00:02Z' }])
  const { rules: once } = suggest([seen('a:picked -> b:80', { datagrams: 1, lastAt: 0 })])
  t.match(once, [{ comment: 'seen once, last 1970-01-01T00:00:00Z' }])
})

await t.test('each rule has a test, and so has what was refused and still would be', async t => {
  t.same(
    testsOf(
      seen('a:picked -> b:80'),
      seen('a:5 -> b:80', { effect: 'reject' }),
      seen('c:picked -> b:80', { effect: 'drop' }),
      seen('a:picked -> b:80', { effect: 'limit' }),
    ),
    ['a:2147483648 -> b:80 accept accept-a-b.80-dgram', 'c:2147483648 -> b:80 reject -'],
  )
  const many = Array.from({ length: 500 }, (_, i) =>
    seen(`a:1 -> b:${i + 1}`, { effect: 'reject' }),
  )
  t.equal(suggest(many).tests.length, 100)
  t.equal(suggest([seen('a:1 -> b:2', { type: 'stream' })]).tests[0]?.type, 'stream')
})

await t.test(
  'the draft is a document, its tests hold, and it refuses nothing that was let through',
  async () => {
    fc.assert(
      fc.property(fc.array(seenFlow, { maxLength: 40 }), flows => {
        const draft = suggest(flows)
        const document = parsePolicyDocument(formatPolicyDocument(draft), '10-draft.yaml')
        if (!document.ok) return false
        const { rules, tests, sets, tags } = document
        if (runTests({ rules, sets, tags }, tests, [], 0).some(({ ok }) => !ok)) return false
        const subjects = new Map<string, Subject>()
        const subjectOf = (name: string): Subject => {
          const subject = subjects.get(name) ?? { name, tags: [] }
          subjects.set(name, subject)
          return subject
        }
        const replay = new Replay(new PolicyTable(1, rules), undefined, subjectOf)
        for (const flow of flows) replay.add(flow)
        const { newlyRefused, newlyAsked, uncertain } = replay.result()
        return newlyRefused.flows + newlyAsked.flows + uncertain.flows === 0
      }),
    )
  },
)
