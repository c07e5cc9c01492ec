import t from 'tap'
import { mergeDocuments } from '../../src/policy/document.js'
import { editParts } from '../../src/policy/part-edit.js'
import type { Policy } from '../../src/policy/policy.js'
import type { PolicyFile } from '../../src/policy/yaml-source.js'

function policyOf(...files: readonly PolicyFile[]): Policy {
  const read = mergeDocuments(files)
  if (!read.ok) throw new Error(JSON.stringify(read.problems))
  return read
}

/** A file after it was made to say what another one says. */
function edited(text: string, after: string): string {
  const file = { name: 'a.yaml', text }
  const [only, another] = editParts([file], policyOf(file), policyOf({ name: 'b', text: after }))
  t.equal(another, undefined)
  return only!.text
}

await t.test('elements come and go one by one, and comments stay', async t => {
  const text = `# all
sets:
  oncall: # by phone
    - anna # first
    - '0:22' # odd
    - tag:ops
rules: []
`.replace("    - '0:22' # odd\n", '')
  t.equal(
    edited(text, 'sets: { oncall: ["x:1-2", anna, "7a"] }\nrules: []\n'),
    text
      .replace('    - tag:ops', '    - x:1-2\n    - 7a')
      .replace('oncall: # by phone\n', 'oncall:\n    # by phone\n'),
  )
  t.equal(edited(text, 'sets: { oncall: [tag:ops, anna] }\nrules: []\n'), text, 'in any order')
  t.equal(edited(text, 'rules: []\n'), '# all\nsets: {}\nrules: []\n')
  t.equal(
    edited('rules: []\n', 'sets: { "7": ["null"] }\n'),
    "rules: []\nsets:\n  '7':\n    - 'null'\n",
  )
})

await t.test('tags and tests are edited where they stand, or where others do', async t => {
  const files = [
    { name: 'tags.yaml', text: 'tags: { x: [a], y: [b] }\n' },
    {
      name: 'tests/a.yaml',
      text: '\ufefftests:\n  - { from: a:1, to: b:1, expect: drop } # one\n',
    },
    { name: 'rules.yaml', text: 'rules:\n  - drop: a:* -> b:*\n' },
  ]
  const after = policyOf(files[2]!, {
    name: 'all.yaml',
    text: `tags: { x: [a, c], z: [d] }
tests:
  - { from: a:1, to: b:1, expect: drop, rule: drop-a-b }
  - { from: a:1, to: b:2, expect: drop }
  - { from: a:1, to: b:2, expect: drop }
`,
  })
  t.strictSame(editParts(files, policyOf(...files), after), [
    files[2],
    { name: 'tags.yaml', text: 'tags: { x: [ a, c ], z: [ d ] }\n' },
    {
      name: 'tests/a.yaml',
      text: `tests:
  - { from: a:1, to: b:1, expect: drop, rule: drop-a-b }
  - { from: a:1, to: b:2, expect: drop }
  - { from: a:1, to: b:2, expect: drop }
`,
    },
  ])
  t.strictSame(editParts([files[2]!], policyOf(files[2]!), policyOf(files[2]!)), [files[2]])
})
