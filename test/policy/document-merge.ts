import fc from 'fast-check'
import t from 'tap'
import { mergeIntoDocuments } from '../../src/policy/document-merge.js'
import {
  formatPolicyDocument,
  mergeDocuments,
  type DocumentedPolicy,
} from '../../src/policy/document.js'
import { diffParts } from '../../src/policy/part-change.js'
import type { Policy } from '../../src/policy/policy.js'
import { threeWay } from '../../src/policy/three-way.js'
import { DOCUMENT_CHARS_MAX, type PolicyFile } from '../../src/policy/yaml-source.js'
import { policy } from './fixtures/arbitraries.js'
import { changed } from './fixtures/changed-policy.js'

/** More with `V4V_POLICIES`. */
const numRuns = Number(process.env['V4V_POLICIES'] ?? 60)

function policyOf(...documents: readonly PolicyFile[]): DocumentedPolicy {
  const read = mergeDocuments(documents)
  if (!read.ok) throw new Error(JSON.stringify(read.problems))
  const { ok: _, ...said } = read
  return { ...said, documents }
}

/** The files of yours when theirs came in between. */
function merge(
  base: readonly PolicyFile[],
  theirs: readonly PolicyFile[],
  yours: readonly PolicyFile[],
): readonly PolicyFile[] {
  const [old, first, second] = [base, theirs, yours].map(files => policyOf(...files))
  const { merged } = threeWay(old!, first!, second!)
  const documented = mergeIntoDocuments(second!, first!, merged!)
  t.strictSame(documented && diffParts(documented, merged!), [])
  return documented!.documents
}

const file = (name: string, text: string): PolicyFile => ({ name, text })

const web = file(
  '10-web.yaml',
  `# the web tier
rules:
  # what attackers reach first
  - id: never
    reject: tag:web:* -> tag:db:*

  - id: web-to-app # the only way
    accept: tag:web:* -> tag:app:8080
`,
)
const ops = file(
  'sets/ops.yaml',
  `# who is called at night
sets:
  oncall:
    - anna # the first
    - bert
`,
)
const tests = file(
  'tests/web.yaml',
  `tests: # what must be
  - { from: tag:web:1, to: tag:db:1, expect: reject } # always
  - { from: tag:web:1, to: tag:app:8080, expect: accept }
`,
)
const base = [web, ops, tests]

await t.test('your files say what others changed, and keep all else', async t => {
  const theirs = [
    file(
      '10-web.yaml',
      web.text
        .replace('8080', '80')
        .replace('rules:\n', 'rules:\n  # ticket 7\n  - { id: first, drop: "x:* -> y:1" }\n'),
    ),
    file('sets/ops.yaml', ops.text.replace('bert', "'carl:22'")),
    file('tests/web.yaml', tests.text.replace('8080', '80')),
  ]
  const yours = [
    file(
      '10-web.yaml',
      web.text.replace('reject: tag', 'drop: tag').replace('first\n', 'first!\n'),
    ),
    file('sets/ops.yaml', `${ops.text}# mine\n`),
    file('tests/web.yaml', tests.text.replace('reject }', 'drop }')),
  ]
  const merged = merge(base, theirs, yours)
  t.strictSame(merged, [
    file(
      '10-web.yaml',
      yours[0]!.text
        .replace('8080', '80')
        .replace('rules:\n', 'rules:\n  # ticket 7\n  - { id: first, drop: "x:* -> y:1" }\n'),
    ),
    file('sets/ops.yaml', yours[1]!.text.replace('bert\n', 'carl:22\n\n')),
    file(
      'tests/web.yaml',
      `tests:
  # what must be
  - { from: tag:web:1, to: tag:db:1, expect: drop } # always
  - { from: tag:web:1, to: tag:app:80, expect: accept }
`,
    ),
  ])
})

await t.test('files that others added or emptied have their place', async t => {
  const more = file('20-more.yaml', 'sets: { s: [a] }\ntags: { x: [a], y: [b] }\nrules: []\n')
  const old = [web, more, ops]
  const theirs = [
    web,
    file('20-more.yaml', 'tags: { y: [b, c] }\nrules:\n  - { id: new, drop: "*:* -> a:1" }\n'),
    file('30-tests.yaml', tests.text),
  ]
  const yours = [web, file('20-more.yaml', more.text), file('sets/ops.yaml', `${ops.text}# mine\n`)]
  t.strictSame(merge(old, theirs, yours), [
    file('10-web.yaml', `${web.text}  - { id: new, drop: "*:* -> a:1" }\n`),
    file('20-more.yaml', 'sets: {}\ntags: { y: [ b, c ] }\nrules: []\n'),
    file(
      'sets/ops.yaml',
      `# who is called at night
sets: {}
tests:
  - { from: tag:web:1, to: tag:db:1, expect: reject }
  - { from: tag:web:1, to: tag:app:8080, expect: accept }

# mine
`,
    ),
  ])
})

await t.test('a rule without an id, and files without rules, are taken over as well', async t => {
  const bare = (text: string): PolicyFile => file('a.yaml', text)
  const theirs = bare('rules:\n  # why\n  - accept: a:* -> b:1\n')
  const yours = bare('sets: { s: [] }\n')
  const old = bare('rules: []\n')
  t.strictSame(merge([old], [theirs], [yours]), [
    yours,
    file('rules.yaml', 'rules:\n  - id: accept-a-b.1\n    accept: a:* -> b:1\n'),
  ])
  const emptied = bare('tests: [{ from: a:1, to: b:1, expect: reject }]\n')
  const kept = bare(`# mine\n${emptied.text}`)
  t.strictSame(merge([emptied], [old], [kept]), [bare('# mine\ntests: []\n')])
})

await t.test('what your files can not say is not merged', async t => {
  const yours = policyOf(file('a.yaml', 'rules: []\n'))
  const long = 'x'.repeat(450)
  const large = {
    ...policyOf(web),
    sets: [{ name: 's', elements: [{ kind: 'name', name: long, ports: { min: 0, max: 1 } }] }],
  } as const
  t.equal(mergeIntoDocuments(yours, policyOf(web), large), undefined)
  const wrong = { ...policyOf(web), documents: [file('a.yaml', 'rules: 5')] }
  t.equal(mergeIntoDocuments(wrong, yours, yours), undefined)
  const rules = 'rules:\n  - { id: a, drop: "a:* -> b:1" }\n# '
  const full = policyOf(file('a.yaml', rules.padEnd(DOCUMENT_CHARS_MAX, '#')))
  const more = { ...full, rules: [...full.rules, ...policyOf(web).rules] }
  t.ok(mergeIntoDocuments(full, policyOf(web), more) === undefined)
})

await t.test('whatever two sides change, the files say both', async () => {
  fc.assert(
    fc.property(changed(policy), fc.boolean(), ([before, theirs, yours], isSplit) => {
      const documented = (said: Policy): DocumentedPolicy => {
        const { rules, ...others } = said
        const files = isSplit
          ? [
              file('10.yaml', formatPolicyDocument({ rules })),
              file('sets/20.yaml', formatPolicyDocument({ rules: [], ...others })),
            ]
          : [file('10.yaml', formatPolicyDocument(said))]
        return policyOf(...files)
      }
      const { merged } = threeWay(before, theirs, yours)
      if (merged === undefined) return true
      const result = mergeIntoDocuments(documented(yours), documented(theirs), merged)
      return result !== undefined && diffParts(result, merged).length === 0
    }),
    { numRuns },
  )
})
