import fc from 'fast-check'
import t from 'tap'
import {
  formatPolicyDocument,
  mergeDocuments,
  type DocumentedPolicy,
} from '../../src/policy/document.js'
import { editDocuments, type RuleEdit } from '../../src/policy/document-edit.js'
import type { Rule } from '../../src/policy/rule.js'
import { DOCUMENT_CHARS_MAX, type PolicyFile } from '../../src/policy/yaml-source.js'
import { policy as anyPolicy, ruleBody } from './fixtures/arbitraries.js'

/** The policy that files state. */
function policyOf(...documents: readonly PolicyFile[]): DocumentedPolicy {
  const read = mergeDocuments(documents)
  if (!read.ok) throw new Error(JSON.stringify(read.problems))
  const { ok: _, ...policy } = read
  return { ...policy, documents }
}

/** The policy that one file states. */
function policyIn(text: string): DocumentedPolicy {
  return policyOf({ name: 'a.yaml', text })
}

/** The rule of a line such as `accept: a:* -> b:1`. */
function ruleOf(line: string): Rule {
  const { place: _, ...rule } = policyIn(`rules:\n  - ${line}\n`).rules[0]!
  return rule
}

/** The only file after an edit. */
function textAfter(text: string, edit: RuleEdit): string {
  return agreed(editDocuments(policyIn(text), edit)).documents[0]!.text
}

/** A policy whose documents say what it says, places included. */
function agreed(policy: DocumentedPolicy | undefined): DocumentedPolicy {
  t.ok(policy)
  const { documents, ...said } = policy!
  const { ok: _, ...read } = mergeDocuments(documents) as { ok: true }
  t.strictSame(plain(said), plain(read))
  return policy!
}

// Fields that are undefined, and their order, make no difference.
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (_, each: unknown) => sorted(each)))
}

function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
}

const c = ruleOf('{ id: c, accept: "c:* -> d:1" }')
const shop = `# the shop
sets: { oncall: [bert] } # by phone

rules:
  # Everything about the shop.

  # what attackers reach first
  - id: a # never
    reject: web:* -> db:* # really
    comment: >
      first
      # no comment

  # the app
  - id: b
    accept: app:* -> db:1
    expires: 2030-01-01T00:00:00Z # by then
    # it is gone
    max_bytes: 20 # enough

tests: # what must be
  - { from: web:1, to: db:1, expect: reject }
# the end
`

await t.test('a rule is put between others, and comments stay where they are', async t => {
  t.equal(
    textAfter(shop, { kind: 'insert', index: 1, rule: c }),
    shop.replace('\n  # the app', '  - id: c\n    accept: c:* -> d:1\n\n  # the app'),
  )
  t.equal(
    textAfter(shop, { kind: 'insert', index: 0, rule: c }),
    shop.replace('rules:\n', 'rules:\n  - id: c\n    accept: c:* -> d:1\n'),
  )
  t.equal(
    textAfter(shop, { kind: 'insert', index: 2, rule: c }),
    shop.replace('enough\n', 'enough\n  - id: c\n    accept: c:* -> d:1\n'),
  )
})

await t.test(
  'a rule in front of the first stands behind comments where the key is odd',
  async t => {
    const odd = '"rules":\n  # all\n\n  # of a\n  - id: a\n    drop: a:* -> b:*\n'
    t.equal(
      textAfter(odd, { kind: 'insert', index: 0, rule: c }),
      odd.replace('  # of a', '  - id: c\n    accept: c:* -> d:1\n  # of a'),
    )
  },
)

await t.test('a rule goes with what stands in it and right above it', async t => {
  t.equal(
    textAfter(shop, { kind: 'remove', index: 0 }),
    shop.replace(/ {2}# what attackers[^]*no comment\n\n/, ''),
  )
  t.equal(
    textAfter(shop, { kind: 'remove', index: 1 }),
    shop.replace(/ {2}# the app\n[^]*enough\n\n/, ''),
  )
})

await t.test('the last rule of a file leaves an empty list', async t => {
  const text = 'rules: # all\n  # none is left\n\n  - id: a\n    drop: "*:* -> b:*"\n# end\n'
  const left = 'rules: [] # all\n  # none is left\n\n# end\n'
  t.equal(textAfter(text, { kind: 'remove', index: 0 }), left)
  t.equal(
    textAfter('"rules":\n- drop: "*:* -> b:*" # x\n# end', { kind: 'remove', index: 0 }),
    'rules: []\n\n# end\n',
  )
})

await t.test('a rule says something else, and keeps what is not about that', async t => {
  const b = policyIn(shop).rules[1]!
  const { place: _, maxBytes: __, ...rest } = b
  const drop = { ...rest, action: 'drop' as const, comment: 'no more' }
  t.equal(
    textAfter(shop, { kind: 'update', index: 1, to: 1, rule: drop }),
    shop.replace(/ {4}accept: app[^]*enough\n/, part =>
      part
        .replace('    accept', '    # it is gone\n    # enough\n    drop')
        .replace(/ {4}# it is gone\n {4}max_bytes.*\n/, '    comment: no more\n'),
    ),
  )
  const { comment: ___, ...a } = policyIn(shop).rules[0]!
  const changed = textAfter(shop, {
    kind: 'update',
    index: 0,
    to: 1,
    rule: { ...a, comment: 'one line', replies: false },
  })
  t.match(changed, /enough\n {2}# what attackers reach first\n {2}- id: a # never\n/)
  t.match(changed, /db:\* # really\n {4}comment: one line\n/)
})

await t.test('a rule moves with the comment above it, to other files, too', async t => {
  const policy = policyOf(
    { name: '1.yaml', text: 'rules:\n    # of x\n    - id: x\n      drop: x:* -> y:1\n' },
    { name: '2.yaml', text: 'rules:\r\n- drop: z:* -> y:1 # z\r\n- drop: z:* -> y:2' },
  )
  const there = agreed(
    editDocuments(policy, { kind: 'update', index: 0, to: 2, rule: policy.rules[0]! }),
  )
  t.strictSame(there.documents, [
    { name: '1.yaml', text: 'rules: []\n' },
    {
      name: '2.yaml',
      text: 'rules:\r\n- drop: z:* -> y:1 # z\r\n- drop: z:* -> y:2\n# of x\r\n- id: x\r\n  drop: x:* -> y:1\r\n',
    },
  ])
})

await t.test(
  'what shares lines with others, or is counted with them, is written out first',
  async t => {
    const flow = 'rules: [ {accept: a:* -> b:1}, # one\n { accept: a:* -> b:1 } ] # two\ntags: {}\n'
    t.match(textAfter(flow, { kind: 'insert', index: 1, rule: c }), /# one\n[^]*- id: c\n[^]*# two/)
    const twins = 'rules:\n  - accept: a:* -> b:1 # one\n  - accept: a:* -> b:1 # two\n'
    t.equal(
      textAfter(twins, { kind: 'remove', index: 0 }),
      'rules:\n  - id: accept-a-b.1-2\n    accept: a:* -> b:1 # two\n',
    )
    const named = textAfter(twins, { kind: 'insert', index: 0, rule: c })
    t.match(textAfter(named, { kind: 'remove', index: 0 }), twins)
    const both =
      'rules:\n  - id: accept-a-b.1\n    accept: a:* -> b:1\n  - accept: a:* -> b:1 # two\n'
    t.match(textAfter(both, { kind: 'remove', index: 0 }), /- id: accept-a-b.1-2\n/)
    const neither = both.replace('- accept', '- id: accept-a-b.1-2\n    accept')
    t.match(textAfter(neither, { kind: 'remove', index: 0 }), 'rules:\n  - id: accept-a-b.1-2\n')
    const other = 'rules: [{ accept: a:* -> b:1 }]\n'
    const mixed = policyOf(
      { name: '1', text: both },
      { name: '2', text: other },
      { name: '3', text: 'sets: {}' },
    )
    const lone = 'rules:\n  - id: accept-a-b.1\n    accept: a:* -> b:1\n'
    const apart = policyOf({ name: '2', text: other }, { name: '1', text: lone })
    for (const policy of [apart, mixed]) agreed(editDocuments(policy, { kind: 'remove', index: 0 }))
  },
)

await t.test('ids that were made keep their numbers when one in front of them goes', async t => {
  const twins = 'rules:\n  - accept: a:* -> b:1-5\n  - accept: a:* -> b:1-5 # two\n'
  t.equal(
    textAfter(twins, { kind: 'remove', index: 0 }),
    'rules:\n  - id: accept-a-b.1-5-2\n    accept: a:* -> b:1-5 # two\n',
  )
  t.equal(textAfter(twins, { kind: 'remove', index: 1 }), 'rules:\n  - accept: a:* -> b:1-5\n')
  t.equal(
    textAfter(twins, { kind: 'update', index: 0, to: 0, rule: { ...c, id: 'accept-a-b.1-5' } }),
    `rules:\n  - id: accept-a-b.1-5\n    accept: c:* -> d:1\n${twins.slice(32)}`,
  )
  const late = 'rules:\n  - drop: a:* -> b:1\n  - drop: a:* -> b:1\n    id: drop-a-b.1-2\n'
  t.equal(
    textAfter(late, { kind: 'remove', index: 0 }),
    'rules:\n  - drop: a:* -> b:1\n    id: drop-a-b.1-2\n',
  )
})

await t.test('a policy without rules gets a file of its own for the first', async t => {
  const documents = [
    { name: 'rules.yaml', text: '# none\nrules: []\n' },
    { name: 'sets.yaml', text: 'sets: {}\n' },
  ]
  const edited = agreed(
    editDocuments(policyOf(...documents), { kind: 'insert', index: 0, rule: c }),
  )
  t.strictSame(edited.documents, [
    ...documents,
    { name: 'rules-2.yaml', text: 'rules:\n  - id: c\n    accept: c:* -> d:1\n' },
  ])
})

await t.test('documents that do not say what the rules say are not edited', async t => {
  const policy = policyIn(shop)
  const [a, b] = policy.rules
  const other = { ...policy, documents: [{ name: 'b.yaml', text: 'rules: 5' }] }
  t.equal(editDocuments(other, { kind: 'remove', index: 0 }), undefined)
  const more = { ...policy, rules: [...policy.rules, c] }
  for (const edit of [
    { kind: 'remove', index: 2 },
    { kind: 'insert', index: 3, rule: c },
    { kind: 'update', index: 2, to: 0, rule: c },
  ] as const) {
    t.equal(editDocuments(more, edit), undefined)
  }
  const elsewhere = { ...policy, rules: [{ ...a!, place: { file: 'a.yaml', line: 999 } }, b!] }
  agreed(editDocuments(elsewhere, { kind: 'remove', index: 0 }))
  const large = policyIn(`${shop}# ${'x'.repeat(DOCUMENT_CHARS_MAX - 800)}\n`)
  const long = { ...c, comment: 'x'.repeat(500) }
  const filled = agreed(editDocuments(large, { kind: 'insert', index: 0, rule: c }))
  t.equal(editDocuments(filled, { kind: 'insert', index: 0, rule: long }), undefined)
  const flow = 'rules: [{ accept: a:* -> b:1 }]\n# '
  const full = policyIn(`${flow}${'x'.repeat(DOCUMENT_CHARS_MAX - flow.length)}`)
  t.equal(editDocuments(full, { kind: 'insert', index: 0, rule: c }), undefined)
})

/** What is done to a rule, by places as parts of what there is. */
const anyEdit = fc.record({
  kind: fc.constantFrom('insert', 'remove', 'update'),
  from: fc.double({ min: 0, max: 0.999, noNaN: true }),
  to: fc.double({ min: 0, max: 0.999, noNaN: true }),
  body: ruleBody,
})
const blank = fc.constantFrom('', '', '\n', '\n\n')

await t.test('an edit keeps every comment but those of the rule removed', async t => {
  fc.assert(
    fc.property(
      anyPolicy.filter(({ rules }) => rules.length > 0),
      fc.array(blank, { minLength: 1, maxLength: 8 }),
      fc.boolean(),
      fc.array(anyEdit, { minLength: 1, maxLength: 3 }),
      (policy, blanks, isNamed, edits) => {
        let comments = 0
        const text = formatPolicyDocument(policy)
          .split(/(?<=\n)/)
          .filter(line => isNamed || !/^ {2}- id: /.test(line))
          .map((line, i) => {
            const dash = isNamed
              ? line
              : line.replace(/^ {4}(accept|reject|drop|audit|ask):/, '  - $1:')
            const note = /^ *- |^\S/.test(dash) ? `${/^ */.exec(dash)![0]}# c${comments++}\n` : ''
            return blanks[i % blanks.length]! + note + dash
          })
          .join('')
        let now = policyIn(text)
        const gone = new Set<string>()
        for (const [n, { kind, from, to, body }] of edits.entries()) {
          const count = now.rules.length
          if (count === 0) break
          const index = Math.floor(from * count)
          const edit: RuleEdit =
            kind === 'insert'
              ? { kind, index: Math.floor(to * (count + 1)), rule: { id: `new-${n}`, ...body } }
              : kind === 'remove'
                ? { kind, index }
                : {
                    kind: 'update',
                    index,
                    to: Math.floor(to * count),
                    rule: { id: now.rules[index]!.id, ...body },
                  }
          if (edit.kind === 'remove') {
            const lines = now.documents[0]!.text.split('\n')
            const { line } = now.rules[index]!.place!
            for (let above = line - 2; /^ *#/.test(lines[above] ?? ''); above--) {
              gone.add(lines[above]!.trim())
            }
          }
          const expected = rulesAfter(now.rules, edit)
          now = agreed(editDocuments(now, edit))
          t.strictSame(plain(now.rules.map(unplaced)), plain(expected.map(unplaced)))
        }
        const left = now.documents.map(each => each.text).join('\n')
        for (let i = 0; i < comments; i++) {
          const isKept = new RegExp(`^ *# c${i}$`, 'm').test(left)
          if (!isKept && !gone.has(`# c${i}`)) return false
        }
        return true
      },
    ),
    { numRuns: 50 },
  )
})

function rulesAfter(rules: readonly Rule[], edit: RuleEdit): readonly Rule[] {
  if (edit.kind === 'insert') return rules.toSpliced(edit.index, 0, edit.rule)
  const others = rules.toSpliced(edit.index, 1)
  return edit.kind === 'remove' ? others : others.toSpliced(edit.to, 0, edit.rule)
}

function unplaced(rule: Rule): object {
  return { ...rule, place: undefined }
}
