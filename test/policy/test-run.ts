import fc from 'fast-check'
import t from 'tap'
import { parsePolicyDocument } from '../../src/policy/document.js'
import { formatProblem } from '../../src/policy/policy-problem.js'
import type { Policy } from '../../src/policy/policy.js'
import { runTests } from '../../src/policy/test-run.js'
import { domains, moment, policy } from './fixtures/arbitraries.js'
import { verdictOn } from './fixtures/tried-out.js'

function read(text: string): Policy {
  const document = parsePolicyDocument(text, 'f.yaml')
  if (!document.ok) throw new Error(document.problems.map(formatProblem).join('\n'))
  return document
}

const some = read(`
tags:
  web: [web1]
rules:
  - id: ssh
    reject: "*:* -> db:22"
  - id: web-to-db
    accept: tag:web:* -> db:*
    max_bytes: 100
    type: stream
tests:
  - { from: web1:1, to: db:5432, type: stream, expect: accept, rule: web-to-db }
  - { from: tag:web:1, to: db:5432, type: stream, bytes: 100, expect: accept }
  - { from: web1:1, to: db:5432, type: stream, bytes: 101, expect: reject, rule: web-to-db }
  - { from: web1:1, to: db:22, bytes: 101, expect: reject, rule: ssh }
  - { from: web2:1, to: db:1, type: stream, expect: reject, rule: default }
  - { from: web1:1, to: db:1, expect: reject, rule: default }
`)

await t.test('tests pass when the datagram fares as they say, by the rule they say', async t => {
  const results = runTests(some, some.tests, [], 0)
  t.same(
    results.map(({ ok, message }) => [ok, message]),
    some.tests.map(() => [true, '']),
  )
})

await t.test('a test that fails says what was expected and what was found', async t => {
  const { tests } = read(`tests:
  - { from: web1:1, to: db:1, expect: accept }
  - { from: web1:1, to: db:22, expect: reject, rule: web-to-db }
  - { from: tag:web:1, to: db:1, type: stream, bytes: 200, expect: accept, rule: web-to-db }
  - { from: a:1, to: db:1, expect: drop, rule: default }
`)
  const results = runTests(some, tests, [], 0)
  t.same(
    results.map(({ ok, message }) => `${ok} ${message}`),
    [
      'false web1:1 -> db:1: expected accept, but it is reject by default, since no rule matches',
      'false web1:1 -> db:22: expected reject by rule web-to-db, but it is reject by rule ssh',
      'false tag:web:1 -> db:1 type stream of 200 bytes: expected accept by rule web-to-db, but it is reject by rule web-to-db, being larger than it lets through',
      'false a:1 -> db:1: expected drop by default, since no rule matches, but it is reject by default, since no rule matches',
    ],
  )
})

await t.test('domains that are known bring their own tags', async t => {
  const { tests } = read('tests: [{ from: web9:1, to: db:1, type: stream, expect: accept }]')
  t.equal(runTests(some, tests, [], 0)[0]?.ok, false)
  t.equal(runTests(some, tests, [{ name: 'web9', tags: ['web'] }], 0)[0]?.ok, true)
})

await t.test('a test finds what the plain loop finds', async () => {
  fc.assert(
    fc.property(policy, domains, moment, (each, known, now) =>
      runTests(each, each.tests, known, now).every(({ test, rule }) => {
        const subject = (end: (typeof test)['from']) =>
          end.kind === 'tag'
            ? { name: '', tags: [end.tag] }
            : (known.find(({ name }) => name === end.name) ?? { name: end.name, tags: [] })
        const verdict = verdictOn(
          each,
          {
            source: subject(test.from),
            sourcePort: test.from.port,
            destination: subject(test.to),
            destinationPort: test.to.port,
            type: test.type ?? 'dgram',
          },
          now,
        )
        return rule === (verdict.rule?.id ?? 'default')
      }),
    ),
    { numRuns: 300 },
  )
})
