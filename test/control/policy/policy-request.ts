import t from 'tap'
import { readDocuments, readPolicyRequest } from '../../../src/control/policy/policy-request.js'
import { SET_ELEMENTS_MAX } from '../../../src/policy/membership.js'

const context = { nameOf: () => undefined, now: 0 }

function read(body: unknown): ReturnType<typeof readPolicyRequest> {
  return readPolicyRequest(Buffer.from(JSON.stringify(body)), context)
}

void t.test('a policy comes as documents or as rules, sets, tags and tests', t => {
  t.match(
    read({
      revision: 3,
      reason: 'why',
      rules: [{ action: 'accept', source: '@g:*', destination: 'db:1' }],
      sets: { g: ['web', 'tag:lab:80'] },
      tags: { lab: ['web'] },
      tests: [{ from: 'web:1', to: 'tag:db:1', expect: 'accept', bytes: 9 }],
    }),
    {
      ok: true,
      ifRevision: 3,
      reason: 'why',
      policy: {
        rules: [{ action: 'accept' }],
        sets: [{ name: 'g', elements: [{ name: 'web' }, { tag: 'lab' }] }],
        tags: [{ tag: 'lab', domains: ['web'] }],
        tests: [{ from: { name: 'web' }, to: { tag: 'db' }, expect: 'accept', bytes: 9 }],
      },
    },
  )
  const text = '# a comment\nrules:\n  - accept: web:* -> db:1\n'
  t.match(read({ documents: [{ name: '10-a.yaml', text }] }), {
    ok: true,
    policy: {
      rules: [{ place: { file: '10-a.yaml', line: 3 } }],
      documents: [{ name: '10-a.yaml', text }],
    },
  })
  t.end()
})

void t.test('what is wrong is said, with its field or its place', t => {
  for (const [body, message] of [
    [{}, /either documents or rules/],
    [{ documents: [], rules: [] }, /either documents or rules/],
    [{ rules: [], reason: 'good\u001b[1A' }, /^the reason is one line/],
    [{ rules: 7 }, /"rules" in the body must be array/],
    [{ rules: [{ action: 'accept', source: 'x', destination: 'a:1' }] }, /rule 1: source/],
    [{ rules: [], sets: { g: ['*'] } }, /set "g": /],
    [{ rules: [], tests: [{ from: 'web', to: 'a:1', expect: 'drop' }] }, /test 1: /],
    [{ rules: [], tests: [{ from: 'web:1', to: 'a', expect: 'drop' }] }, /test 1: /],
    [{ documents: [{ name: '../a', text: '' }] }, /"documents.0.name"/],
    [
      {
        documents: [
          { name: 'a', text: '' },
          { name: 'a', text: '' },
        ],
      },
      /two documents/,
    ],
  ] as const) {
    t.match(read(body), { ok: false, code: 'EINVAL', message }, JSON.stringify(body))
  }
  const many = Array.from({ length: SET_ELEMENTS_MAX + 1 }, (_, i) => `d${i}`)
  t.match(read({ rules: [], sets: { g: many } }), {
    code: 'EINVAL',
    message: /^100001 elements in all sets are more than the limit/,
  })
  t.match(readPolicyRequest(Buffer.from('{'), context), { message: 'the body is not JSON' })
  const bad = `rules:\n${'  - accept: nonsense\n'.repeat(5)}`
  t.match(readDocuments([{ name: 'a.yaml', text: bad }]), {
    ok: false,
    message: /^a\.yaml:2:\d+: .*; and 2 more$/,
    details: [{ file: 'a.yaml', line: 2, column: 13, message: String }, { line: 3 }],
  })
  t.end()
})
