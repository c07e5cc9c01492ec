import t from 'tap'
import type { YAMLSeq } from 'yaml'
import { documentedPolicy } from '../../src/policy/document.js'
import { joinFile, splitFile } from '../../src/policy/split-file.js'

/** A file after a tag x with the domain a was added to it, and the rules that stayed as they were. */
function tagged(text: string): [text: string, rules: string] {
  const file = { name: 'a.yaml', text }
  const split = splitFile(file, documentedPolicy([file, { name: 'b', text: other }])!.rules)
  split.document.setIn(['tags', 'x'], split.document.createNode(['a']))
  return [joinFile(file, split).text, split.rules]
}

const other = 'rules:\n  - drop: x:* -> y:1\n'
const tags = 'tags:\n  x:\n    - a\n'

await t.test('rules on lines of their own stay as they were written', async t => {
  const rules = `    - {drop:   "a:* -> b:1"} # one
      # below
# left

    - drop: 'a:* -> b:2'

      # the last
`
  t.strictSame(tagged(`sets: {}\nrules: # all\n${rules}  # end\ntests: []\n`), [
    `sets: {}\nrules:\n  # all\n${rules}# end\ntests: []\n${tags}`,
    rules,
  ])
  t.strictSame(tagged('\ufeffrules:\n- drop: a:* -> b:1'), [
    `rules:\n- drop: a:* -> b:1\n${tags}`,
    '- drop: a:* -> b:1\n',
  ])
  t.strictSame(tagged('rules:\r\n- drop: a:* -> b:1 # $&\r\n'), [
    `rules:\n- drop: a:* -> b:1 # $&\n${tags}`.replaceAll('\n', '\r\n'),
    '- drop: a:* -> b:1 # $&\r\n',
  ])
})

await t.test(
  'rules that share lines, or that there are none of, are laid out with the rest',
  async t => {
    t.strictSame(tagged('rules: []'), [`rules: []\n${tags}`, ''])
    t.strictSame(tagged('rules: [{drop: "a:* -> b:1"}]'), [
      `rules: [ { drop: "a:* -> b:1" } ]\n${tags}`,
      '',
    ])
    t.strictSame(tagged('rules:\n- {drop: "a:* -> b:1",\n# why\n  comment: x}\n'), [
      `rules:\n  - {\n      drop: "a:* -> b:1",\n      # why\n      comment: x\n    }\n${tags}`,
      '',
    ])
  },
)

await t.test('what is edited is the syntax of the rest', async t => {
  const file = { name: 'a.yaml', text: 'rules:\n  - drop: a:* -> b:1\n  - drop: a:* -> b:2\n' }
  const { document } = splitFile(file, documentedPolicy([file])!.rules)
  t.equal((document.get('rules') as YAMLSeq).items.length, 1)
})
