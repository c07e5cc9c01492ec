import fc from 'fast-check'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import {
  formatPolicyDocument,
  mergeDocuments,
  parsePolicyDocument,
} from '../../src/policy/document.js'
import { formatProblem } from '../../src/policy/policy-problem.js'
import { formatRule } from '../../src/policy/rule-text.js'
import type { Rule } from '../../src/policy/rule.js'
import { evaluate } from '../../src/policy/verdict.js'
import type { PolicyFile } from '../../src/policy/yaml-source.js'
import { rules } from './fixtures/arbitraries.js'

/** The rules of files that have to be right. */
function read(...files: PolicyFile[]): readonly Rule[] {
  const document = mergeDocuments(files)
  if (!document.ok) throw new Error(document.problems.map(formatProblem).join('\n'))
  return document.rules
}

/** Everything that is wrong with files, a line for each. */
function wrong(...files: PolicyFile[]): string[] {
  const document = mergeDocuments(files)
  return document.ok ? [] : document.problems.map(formatProblem)
}

function file(text: string, name = 'f.yaml'): PolicyFile {
  return { name, text }
}

/** A file with one rule of these lines. */
function rule(...lines: string[]): PolicyFile {
  return file(`rules:\n  - ${lines.join('\n    ')}\n`)
}

const good = 'accept: web:* -> db:5432'

await t.test('a file with everything in it is read', async t => {
  const document = parsePolicyDocument(
    `# who may talk to the database
rules:
  # the web tier may ask, and hear the answer
  - id: web-to-db
    accept: tag:web:* -> db:5432
    type: dgram
    replies: true
    comment: 'the app asks: who?'
  - { drop: "*:* -> db:22-23" }
  - reject: '*:* -> *:*'   # all else
    id: the-rest
`,
    'f.yaml',
  )
  t.equal(document.ok, true)
  const found = document.ok ? document.rules : []
  t.same(
    found.map(item => `${item.id}: ${formatRule(item)}`),
    [
      'web-to-db: accept tag:web:* -> db:5432 type dgram replies  # the app asks: who?',
      'drop-any-db.22-23: drop *:* -> db:22-23',
      'the-rest: reject *:* -> *:*',
    ],
  )
})

await t.test('a file may have no rules', async t => {
  t.same(read(file('rules: []')), [])
})

await t.test('a comment may be a block, if it comes to one line', async t => {
  t.equal(
    read(rule(good, 'comment: >', '  two lines', '  become one'))[0]?.comment,
    'two lines become one',
  )
  t.match(wrong(rule(good, 'comment: |', '  two lines', '  stay two')), [
    /f.yaml:3:14: .* one line/,
  ])
})

await t.test(
  'what is not a policy file is refused with its place and what was expected',
  async t => {
    const refusals: [string, RegExp][] = [
      ['', /:1:1: a policy file is a mapping with the key rules; here is an empty value/],
      ['- a', /:1:1: a policy file is a mapping .* here is a list/],
      ['nonsense', /:1:1: a policy file is a mapping .* here is "nonsense"/],
      ['{}', /:1:1: a policy file has a list of rules: add a line "rules:"/],
      ['rules:', /:1:7: rules is a list, or \[\] for none, not an empty value/],
      ['rules: {}', /:1:8: rules is a list, or \[\] for none, not a mapping/],
      ['? rules', /:1:3: rules is a list, or \[\] for none, not an empty value/],
      [
        'rules: []\nsets: []',
        /:2:1: a policy file is a mapping with the key rules; "sets" is none/,
      ],
      ['rules: []\n[a]: b', /:2:1: .* a list is none of them/],
      ['rules: []\nrules: []', /:2:1: rules is on line 1 already/],
      ['rules: [', /:1:9: this is not sound YAML/],
      ['rules: []\n---\nrules: []', /:2:1: a policy file is one document/],
      ['rules:\n- a', /:2:3: a rule is a mapping with the keys accept, .*; here is "a"/],
      ['rules:\n-', /:2:2: a rule is a mapping with the keys .*; here is an empty value/],
    ]
    for (const [text, expected] of refusals) {
      const found = wrong(file(text))
      t.equal(found.length, 1, found.join('\n'))
      t.match(found[0], expected, JSON.stringify(text))
    }
  },
)

await t.test('what is wrong with a rule is said with its place and what was expected', async t => {
  const refusals: [PolicyFile, RegExp][] = [
    [rule('acept: web:* -> db:5432'), /:2:5: a rule is a mapping .*; "acept" is none of them/],
    [rule(good, '1: a'), /:3:5: .* a number is none of them/],
    [rule(good, '__proto__: a'), /:3:5: .* "__proto__" is none of them/],
    [rule(good, 'type: any', 'type: any'), /:4:5: type is on line 3 already/],
    [rule(good, good), /:3:5: accept is on line 2 already/],
    [rule('id: a'), /:2:5: a rule says accept, reject or drop, such as/],
    [rule(good, 'drop: a:1 -> b:2'), /:3:5: a rule has one action, and accept is on line 2/],
    [rule('accept:'), /:2:12: accept is followed by FROM -> TO, .* not an empty value/],
    [rule('? accept'), /:2:7: accept is followed by FROM -> TO, .* not an empty value/],
    [rule('drop: [a]'), /:2:11: drop is followed by FROM -> TO, .* not a list/],
    [rule('drop: 80'), /:2:11: drop is followed by FROM -> TO, .* written in quotes, not a number/],
    [rule('accept: web:*'), /:2:18: expected -> between FROM and TO/],
    [rule('accept: web:* -> db'), /:2:22: "db" has no port/],
    [rule('accept: "web:* -> db"'), /:2:23: "db" has no port/],
    [rule('accept: web:* -> 7:80'), /:2:22: .* rules bind to names, not numbers/],
    [rule('accept: a:1 -> b:2 replies'), /:2:24: expected nothing behind FROM -> TO/],
    [rule('accept: *:* -> db:80'), /:2:13: a bare \* makes a YAML alias/],
    [rule(good, 'id: 12'), /:3:9: an id is text, written in quotes, not a number/],
    [rule(good, 'id:'), /:3:8: an id is text, not an empty value/],
    [rule(good, 'id: Web'), /:3:9: a rule's id is 1 to 63 of .* not "Web"/],
    [rule(good, 'id: default'), /:3:9: the id "default" is reserved/],
    [rule(good, 'type: tcp'), /:3:11: type is one of any, dgram, stream, not "tcp"/],
    [rule(good, 'type: 1'), /:3:11: type is one of any, dgram, stream, .* not a number/],
    [rule(good, 'replies: yes'), /:3:14: replies is true or false, not "yes"/],
    [rule(good, 'replies:'), /:3:13: replies is true or false, not an empty value/],
    [rule('drop: a:1 -> b:2', 'replies: true'), /:3:5: replies goes with accept only/],
    [rule(good, 'comment: 2026'), /:3:14: a comment is text, written in quotes, not a number/],
    [rule(good, 'comment: "a\\u0007b"'), /:3:14: a comment is one line without control char/],
    [rule(good, `comment: ${'x'.repeat(501)}`), /:3:14: a comment has at most 500 characters/],
  ]
  for (const [subject, expected] of refusals) {
    const found = wrong(subject)
    t.equal(found.length, 1, found.join('\n'))
    t.match(found[0], expected, subject.text)
  }
})

await t.test('all problems of all files are reported at once', async t => {
  const first = file('rules:\n- accept: a\n  id: A\n- drop: b:1 -> c:2\n  type: x\n', '1.yaml')
  const second = file('rules: no', '2.yaml')
  t.match(wrong(second, first), [
    /^1.yaml:2:11: "a" has no port/,
    /^1.yaml:3:7: a rule's id/,
    /^1.yaml:5:9: type is one of/,
    /^2.yaml:1:8: rules is a list/,
  ])
})

await t.test('files are read in the order of their names', async t => {
  const one = (id: string): string => `rules: [{ id: ${id}, drop: "a:1 -> b:1" }]`
  const merged = read(
    file(one('last'), '90-z.yaml'),
    file(one('first'), '00-default.yaml'),
    file(one('second'), '10-b.yaml'),
    file(one('upper'), '10-B.yaml'),
  )
  t.same(
    merged.map(({ id }) => id),
    ['first', 'upper', 'second', 'last'],
  )
  t.same(read(), [])
})

await t.test('an id is used once in all files together', async t => {
  const text = `rules:\n- id: same\n  ${good}\n`
  t.same(wrong(file(text, 'a.yaml'), file(text, 'b.yaml')), [
    'b.yaml:2:7: the id "same" is taken already, at a.yaml:2',
  ])
  t.same(wrong(file(text + text.slice('rules:\n'.length), 'a.yaml')), [
    'a.yaml:4:7: the id "same" is taken already, at a.yaml:2',
  ])
})

await t.test('a rule without an id gets the same one each time, and never a taken one', async t => {
  const texts = [
    file(`rules:\n- ${good}\n- ${good}\n`, 'a.yaml'),
    file(`rules:\n- id: accept-web-db.5432\n  ${good}\n- ${good}\n`, 'b.yaml'),
  ]
  const ids = (): string[] => read(...texts).map(({ id }) => id)
  t.same(ids(), [
    'accept-web-db.5432-2',
    'accept-web-db.5432-3',
    'accept-web-db.5432',
    'accept-web-db.5432-4',
  ])
  t.same(ids(), ids())
})

await t.test('a document is written for people', async t => {
  const text = `rules:
  - id: web-to-db
    accept: tag:web:* -> db:5432
    type: dgram
    replies: true
    comment: the app may ask
  - id: "true"
    drop: "*:* -> *:*"
`
  t.equal(formatPolicyDocument(read(file(text))), text)
  t.equal(formatPolicyDocument([]), 'rules: []\n')
})

await t.test('what is written reads back as the same rules', async () => {
  fc.assert(
    fc.property(rules, some => {
      const document = parsePolicyDocument(formatPolicyDocument(some), 'f.yaml')
      return document.ok && JSON.stringify(document.rules) === JSON.stringify(some)
    }),
    { numRuns: 300 },
  )
})

await t.test('no text at all makes the reader throw, and every problem has a place', async () => {
  const words = [
    'rules:\n- accept: a:1 -> b:2\n',
    'rules',
    'accept: ',
    'a:1 -> b:2',
    'id: ',
    'replies: true',
    'type: ',
    'comment: ',
    '---\n',
    '...\n',
    '\r\n',
    '\ufeff',
  ]
  const signs = ': |\n|\t|-|?|,|[|]|{|}|>|*|&|!|#|%|"|\'|\0|  |- |: |? |&a |!b '.split('|')
  const piece = fc.constantFrom(...words, ...signs, '|')
  const soup = fc.array(piece, { maxLength: 40, size: 'max' }).map(parts => parts.join(''))
  fc.assert(
    fc.property(fc.oneof(soup, fc.string({ unit: 'binary' })), text => {
      const document = parsePolicyDocument(text, 'f.yaml')
      const lines = text.split(/\n/).length
      return (
        document.ok ||
        (document.problems.length > 0 &&
          document.problems.every(
            ({ line, column }) => line >= 1 && line <= lines + 1 && column >= 1,
          ))
      )
    }),
    { numRuns: 5_000 },
  )
})

await t.test('the policy that is shipped accepts nothing but what the demo needs', async t => {
  const text = readFileSync(join('policy', '00-default.yaml'), 'utf8')
  t.same(
    read(file(text)).map(item => `${item.id}: ${formatRule({ ...item, comment: '' })}`),
    ['demo-web-to-collector: accept web:* -> collector:514'],
  )
})

await t.test('every policy file that is shipped is right', async t => {
  for (const folder of ['policy', join('policy', 'examples')]) {
    const names = readdirSync(folder).filter(name => name.endsWith('.yaml'))
    t.ok(names.length > 0, `${folder} has policy files`)
    for (const name of names) {
      const text = readFileSync(join(folder, name), 'utf8')
      t.same(wrong(file(text, name)), [], name)
      const unnamed = read(file(text, name)).filter(({ id }) => !text.includes(`id: ${id}`))
      t.same(unnamed, [], `every rule of ${name} has an id`)
    }
  }
})

await t.test('the examples decide as they say they do', async t => {
  const flows: [string, string, string, number, string, number, string][] = [
    ['three-tier.yaml', 'web1', 'web', 1, 'app1', 8000, 'web-to-app'],
    ['three-tier.yaml', 'app1', 'app', 8000, 'web1', 1, 'web-to-app'],
    ['three-tier.yaml', 'app1', 'app', 1, 'db', 5432, 'app-to-db'],
    ['three-tier.yaml', 'web1', 'web', 1, 'db', 5432, 'web-never-to-db'],
    ['three-tier.yaml', 'db', '', 1, 'web1', 8000, 'default'],
    ['sandboxed-agents.yaml', 'agent-7', 'agent', 1, 'model-proxy', 8080, 'agent-to-model'],
    ['sandboxed-agents.yaml', 'agent-7', 'agent', 1, 'agent-8', 1, 'agent-to-agent'],
    ['sandboxed-agents.yaml', 'agent-7', 'agent', 1, 'web-proxy', 3128, 'default'],
    ['sandboxed-agents.yaml', 'supervisor', '', 9, 'agent-8', 1, 'supervisor-to-agent'],
    ['sandboxed-agents.yaml', 'agent-7', 'quarantine', 1, 'model-proxy', 8080, 'quarantine-out'],
    ['log-collector.yaml', 'web1', 'web', 1, 'collector', 514, 'anyone-to-collector'],
    ['log-collector.yaml', 'web1', 'mute', 1, 'collector', 514, 'muted'],
    ['log-collector.yaml', 'collector', '', 514, 'web1', 1, 'default'],
    ['log-collector.yaml', 'control', '', 1, 'collector', 514, 'default'],
  ]
  const tags = new Map([
    ['web1', ['web']],
    ['app1', ['app']],
    ['agent-8', ['agent']],
  ])
  for (const [name, from, tag, sourcePort, to, destinationPort, expected] of flows) {
    const text = readFileSync(join('policy', 'examples', name), 'utf8')
    const verdict = evaluate(read(file(text, name)), 1, {
      source: { name: from, tags: [tag] },
      sourcePort,
      destination: { name: to, tags: tags.get(to) ?? [] },
      destinationPort,
      type: name === 'three-tier.yaml' ? 'stream' : 'dgram',
    })
    const flow = `${name}: ${from}:${sourcePort} -> ${to}:${destinationPort}`
    t.equal(verdict.rule?.id ?? 'default', expected, flow)
  }
})
