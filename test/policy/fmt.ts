import fc from 'fast-check'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { formatPolicyDocument, parsePolicyDocument } from '../../src/policy/document.js'
import { formatSource } from '../../src/policy/fmt.js'
import { policy } from './fixtures/arbitraries.js'

/** A text in the one form; it has to be right. */
function format(text: string): string {
  const formatted = formatSource({ name: 'f.yaml', text })
  if (!formatted.ok) throw new Error(JSON.stringify(formatted.problems))
  return formatted.text
}

/** What a text says, without the places. */
function meaning(text: string): string {
  return JSON.stringify(parsePolicyDocument(text, 'f.yaml'), (key, value: unknown) =>
    key === 'place' ? undefined : value,
  )
}

await t.test('there is one way to write things, and comments and blank lines stay', async t => {
  const text = `# who may talk to whom
# yaml-language-server: $schema=../schema.json

sets:
    admins: ['anna:*',   "tag:ops:22"]   # on call
    # nobody yet
    guests: []
tags: { ops: [bert] }

rules:
- { id: a, drop: '0:1-1   -> b:*' }
`
  const rules = `
# the app asks

- id: "web-to-db"   # keep
  accept: "tag:web:*  ->  db:5432"
  replies:   true
  max_bytes: 0x10
  expires: '2026-11-20T13:30:00+01:00'
  comment: >
    why
    not
tests:
- { from: 'a:1', to: 0:7, expect: reject } # no way
# the end
`
  t.equal(
    format(text + rules),
    `# who may talk to whom
# yaml-language-server: $schema=../schema.json

sets:
  admins: [ anna, tag:ops:22 ] # on call
  # nobody yet
  guests: []
tags: { ops: [ bert ] }

rules:
  - id: a
    drop: control:1 -> b:*

  # the app asks

  - id: web-to-db # keep
    accept: tag:web:* -> db:5432
    replies: true
    max_bytes: 16
    expires: 2026-11-20T12:30:00Z
    comment: why not
tests:
  - { from: a:1, to: control:7, expect: reject } # no way

# the end
`,
  )
})

await t.test('what stands in braces comes out the same at once', async t => {
  t.equal(
    format(
      'rules:\r\n- { # one\r\n    accept: "a:* -> b:1",\r\n    comment: "x" # two\r\n  }\r\n- {\r\n\r\n    drop: "a:* -> b:1" }\r\n',
    ),
    'rules:\n  # one\n  - accept: a:* -> b:1\n    comment: x # two\n  - drop: a:* -> b:1\n',
  )
})

await t.test('the policies that are shipped are in the one form', async t => {
  for (const folder of ['policy', join('policy', 'examples')]) {
    for (const name of readdirSync(folder).filter(each => each.endsWith('.yaml'))) {
      const text = readFileSync(join(folder, name), 'utf8')
      t.equal(format(text), text, name)
    }
  }
})

await t.test('a file that is not right is not written anew', async t => {
  t.match(formatSource({ name: 'f.yaml', text: 'rules: 5' }), {
    ok: false,
    problems: [{ file: 'f.yaml', line: 1, column: 8 }],
  })
})

await t.test('the meaning and the comments stay, and a second time changes nothing', async () => {
  const noise = fc.constantFrom('', '', '\n', '# c\n', '\n# two\n# lines\n\n')
  fc.assert(
    fc.property(policy, fc.array(noise, { minLength: 5, maxLength: 40 }), (some, noises) => {
      let comments = 0
      const text = formatPolicyDocument(some)
        .split(/(?<=\n)/)
        .map((line, i) => {
          const extra = noises[i % noises.length]!
          // Behind the last line there is nothing that a comment could be about.
          if (/^\s/.test(line) || line.startsWith('- ') || i === 0) {
            comments += extra.split('#').length - 1
            return extra + line
          }
          return line
        })
        .join('')
      const once = format(text)
      const kept = once.split('\n').filter(line => /^\s*# (c|two|lines)$/.test(line)).length
      return meaning(once) === meaning(text) && format(once) === once && kept === comments
    }),
    { numRuns: 60 },
  )
})
