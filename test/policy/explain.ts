import fc from 'fast-check'
import t from 'tap'
import { parsePolicyDocument } from '../../src/policy/document.js'
import { explain } from '../../src/policy/explain.js'
import { matches } from '../../src/policy/rule.js'
import { formatRule } from '../../src/policy/rule-text.js'
import type { Subject } from '../../src/policy/subject.js'
import type { Tuple } from '../../src/policy/tuple.js'
import { moment, smallPolicy, tuple } from './fixtures/arbitraries.js'
import { verdictOn } from './fixtures/tried-out.js'

const web = { name: 'web', tags: [] }
const db = { name: 'db', tags: [] }

function between(source: Subject, destination: Subject, port: number): Tuple {
  return { source, sourcePort: 1, destination, destinationPort: port, type: 'dgram' }
}

await t.test('the walk says of each rule why it does not match', async t => {
  const document = parsePolicyDocument(
    `sets:
  s: [web:7]
rules:
  - { id: r1, accept: "web:* -> db:*", expires: 1970-01-01T00:00:01Z }
  - { id: r2, drop: "web:* -> db:*", type: stream }
  - { id: r3, accept: "tag:app:* -> db:*" }
  - { id: r4, accept: "web:5 -> db:*" }
  - { id: r5, accept: "web:* -> db:5432" }
  - { id: r6, accept: "@s:* -> db:*" }
  - { id: r7, accept: "web:* -> app:1", replies: true }
  - { id: r8, accept: "web:1 -> db:80", max_bytes: 9 }
  - { id: r9, reject: "web:* -> db:80" }
  - { id: r10, reject: "*:* -> db:81" }
  - { id: r11, drop: "*:* -> *:*" }
`,
    'f.yaml',
  )
  if (!document.ok) throw new Error('not sound')
  const { walk, shadows, ...rest } = explain(document, between(web, db, 80), 1_000)
  t.same(rest, {
    action: 'accept',
    decidedBy: 'r8',
    rule: {
      id: 'r8',
      position: 8,
      text: 'accept web:1 -> db:80 max_bytes 9',
      place: { file: 'f.yaml', line: 11 },
    },
    maxBytes: 9,
  })
  t.same(
    walk.map(({ id, why }) => `${id}: ${why}`),
    [
      'r1: it has expired',
      'r2: it is for stream, not dgram',
      'r3: the source web is not in tag:app:*',
      'r4: the source port 1 is not in web:5',
      'r5: the destination port 80 is not in db:5432',
      "r6: the source port 1 is not one that the set's elements name for web",
      'r7: the destination db is not in app:1; and on the way back, the source web is not in app:1',
    ],
  )
  t.same(
    shadows.map(({ id, position }) => `${position} ${id}`),
    ['9 r9', '11 r11'],
  )
  const none = explain(
    document,
    between({ name: '', tags: [] }, { name: 'control', tags: [] }, 7),
    0,
  )
  t.match(none, { action: 'reject', decidedBy: 'default', rule: null, shadows: [] })
  t.equal(none.walk.length, 11)
  t.equal(none.walk[0]?.why, 'the source this domain is not in web:*')
})

await t.test(
  'a datagram above the max_bytes of a rule that lets it through is refused',
  async t => {
    const document = parsePolicyDocument(
      `rules:
  - { id: small, accept: "web:* -> db:1", max_bytes: 9 }
  - { id: never, reject: "web:* -> db:2" }
  - { id: any, accept: "web:* -> db:3" }
`,
      'f.yaml',
    )
    if (!document.ok) throw new Error('not sound')
    const codeOf = (port: number, bytes?: number): string | undefined =>
      explain(document, between(web, db, port), 0, bytes).code
    t.strictSame([codeOf(1), codeOf(1, 9), codeOf(1, 10)], [undefined, undefined, 'EMSGSIZE'])
    t.match(explain(document, between(web, db, 1), 0, 10), { action: 'accept', decidedBy: 'small' })
    for (const port of [2, 3, 4]) t.equal(codeOf(port, 1_000_000), undefined)
  },
)

await t.test('the verdict is that of the plain loop, and the walk leads to it', async () => {
  fc.assert(
    fc.property(smallPolicy, tuple, moment, (policy, each, now) => {
      const verdict = verdictOn(policy, each, now)
      const { decidedBy, action, rule, walk, shadows } = explain(policy, each, now)
      const scope = { sets: policy.sets, tags: policy.tags, now }
      const isIn = (list: readonly { id: string }[], id: string): boolean =>
        list.some(other => other.id === id)
      return (
        action === verdict.action &&
        decidedBy === (verdict.rule?.id ?? 'default') &&
        (rule?.position ?? 0) === verdict.position &&
        walk.length === (verdict.rule === null ? policy.rules.length : verdict.position - 1) &&
        walk.every(({ why, text }, i) => why !== '' && text === formatRule(policy.rules[i]!)) &&
        policy.rules.every(
          ({ id }, i) =>
            i < verdict.position ||
            verdict.rule === null ||
            isIn(shadows, id) === matches(policy.rules[i]!, each, scope),
        )
      )
    }),
    { numRuns: 2_000 },
  )
})
