import { gzipSync } from 'node:zlib'
import t from 'tap'
import type { Rule } from '../../src/policy/rule.js'
import {
  BODY_FORMAT,
  decodePolicy,
  EMPTY_POLICY,
  encodePolicy,
  problemOf,
  type KeptPolicy,
} from '../../src/store/policy-body.js'
import { policyOf, selector, testRule } from './fixtures/rules.js'

await t.test('a policy is read back as it was written', async t => {
  const policy: KeptPolicy = {
    rules: [
      { id: 'a', ...testRule, place: { file: '10-a.yaml', line: 3 } },
      {
        id: 'b',
        ...testRule,
        source: selector('@guests:80'),
        rate: { count: 5, perSeconds: 60 },
        log: { sample: 9 },
        expires: 1_800_000_000_000,
      },
    ],
    sets: [{ name: 'guests', elements: [{ kind: 'tag', tag: 'lab', ports: { min: 1, max: 2 } }] }],
    tags: [{ tag: 'lab', domains: ['web'] }],
    tests: [
      {
        from: { kind: 'name', name: 'web', port: 1 },
        to: { kind: 'tag', tag: 'db', port: 5432 },
        expect: 'accept',
      },
    ],
    documents: [{ name: '10-a.yaml', text: '# kept\nrules: []\n' }],
  }
  t.same(decodePolicy(BODY_FORMAT, encodePolicy(policy)), policy)
  t.same(decodePolicy(BODY_FORMAT, encodePolicy(EMPTY_POLICY)), EMPTY_POLICY)
})

await t.test('a list of rules as the first version wrote it is read', async t => {
  const listed = {
    id: 'a',
    action: 'accept',
    source: 'web:*',
    destination: 'tag:db:5432-5439',
    type: 'dgram',
    replies: 1,
    comment: 'app to db',
    createdAt: 5,
  }
  const read = (item: object): KeptPolicy | string =>
    decodePolicy(1, Buffer.from(JSON.stringify([item])))
  t.same(read(listed), policyOf('a'))
  t.match(read({ ...listed, source: 'web' }), /rule "a" can't be read/)
  t.match(read({ ...listed, action: 'allow' }), /rule "a" can't be read/)
  t.match(read({ ...listed, id: 'A' }), /id/)
  t.match(decodePolicy(1, Buffer.from('{}')), /no list of rules/)
})

await t.test('what is no policy is refused in words', async t => {
  const packed = (value: unknown): Uint8Array => gzipSync(JSON.stringify(value))
  t.match(decodePolicy(BODY_FORMAT, Buffer.from('x')), /no JSON/)
  t.match(decodePolicy(BODY_FORMAT, gzipSync('x')), /no JSON/)
  t.match(decodePolicy(99, packed({})), /unknown format 99/)
  for (const value of [null, 7, {}, { rules: [] }]) {
    t.match(decodePolicy(BODY_FORMAT, packed(value)), /it has no /)
  }
  const rule: Rule = { id: 'a', ...testRule }
  for (const bad of [
    null,
    {},
    { ...rule, action: 'allow' },
    { ...rule, type: 'raw' },
    { ...rule, source: { kind: 'planet', ports: { min: 0, max: 1 } } },
    { ...rule, source: { kind: 'name', name: 'tag:x', ports: { min: 0, max: 1 } } },
    { ...rule, source: { kind: 'name', name: 'UP', ports: { min: 0, max: 1 } } },
    { ...rule, replies: true, action: 'drop' },
  ]) {
    t.type(problemOf(bad as Rule), 'string', JSON.stringify(bad))
    t.type(decodePolicy(BODY_FORMAT, packed({ ...EMPTY_POLICY, rules: [bad] })), 'string')
  }
  t.equal(problemOf(rule), undefined)
})
