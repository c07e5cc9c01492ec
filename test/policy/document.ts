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
import { PROBLEMS_MAX, type PolicyFile } from '../../src/policy/yaml-source.js'
import { policy } from './fixtures/arbitraries.js'

/** How many policies are written and read; more with `V4V_POLICIES`. */
const policies = Number(process.env['V4V_POLICIES'] ?? 200)

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

await t.test(
  'what is not a policy file is refused with its place and what was expected',
  async t => {
    const refusals: [string, RegExp][] = [
      ['', /:1:1: a policy file is a mapping with the keys sets, .*; here is an empty value/],
      ['- a', /:1:1: a policy file is a mapping .* here is a list/],
      ['nonsense', /:1:1: a policy file is a mapping .* here is "nonsense"/],
      ['{}', /:1:1: a policy file has a list of rules: add a line "rules:"/],
      ['sets: []', /:1:7: sets is a mapping from the name of a set to a list, .* here is a list/],
      ['rules:', /:1:7: rules is a list, or \[\] for none, not an empty value/],
      ['rules: {}', /:1:8: rules is a list, or \[\] for none, not a mapping/],
      ['? rules', /:1:3: rules is a list, or \[\] for none, not an empty value/],
      [
        'rules: []\nroles: []',
        /:2:1: a policy file is a mapping with the keys .*, tests; "roles" is none/,
      ],
      ['rules: []\n[a]: b', /:2:1: .* a list is none of them/],
      ['rules: []\nrules: []', /:2:1: rules is on line 1 already/],
      ['rules: [', /:1:9: this is not sound YAML/],
      ['rules: []\n---\nrules: []', /:2:1: a policy file is one document/],
      ['rules:\n- a', /:2:3: a rule is a mapping with one of the keys accept, .*; here is "a"/],
      ['rules:\n-', /:2:2: a rule is a mapping with one of the keys .*; here is an empty value/],
    ]
    for (const [text, expected] of refusals) {
      const found = wrong(file(text))
      t.equal(found.length, 1, found.join('\n'))
      t.match(found[0], expected, JSON.stringify(text))
    }
  },
)

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

await t.test('a set and a tag are stated once in all files together', async t => {
  const text = 'sets: { s: [a] }\ntags: { x: [a] }\n'
  t.same(wrong(file(text, 'a.yaml'), file(text, 'b.yaml')), [
    'b.yaml:1:9: the set "s" is taken already, at a.yaml:1',
    'b.yaml:2:9: the tag "x" is taken already, at a.yaml:2',
  ])
})

await t.test('sets, tags, rules and tests may each stand in files of their own', async t => {
  const document = mergeDocuments([
    file('sets:\n  admins: [anna, tag:ops]\n', '10.yaml'),
    file('tags:\n  ops: [bert]\n', '20.yaml'),
    file('rules:\n- id: a\n  accept: "@admins:* -> db:22"\n', '30.yaml'),
    file('tests:\n- { from: anna:1, to: db:22, expect: accept, rule: a }\n', '40.yaml'),
  ])
  t.match(document, {
    ok: true,
    sets: [{ name: 'admins', place: { file: '10.yaml', line: 2 } }],
    tags: [{ tag: 'ops', domains: ['bert'], place: { file: '20.yaml', line: 2 } }],
    rules: [{ id: 'a', place: { file: '30.yaml', line: 2 } }],
    tests: [{ expect: 'accept', rule: 'a', place: { file: '40.yaml', line: 2 } }],
  })
})

await t.test('what is too much is refused', async t => {
  const names = Array.from({ length: 100_001 }, (_, i) => `d${i}`).join(', ')
  t.same(wrong(file(`sets: { s: [${names}] }`)), [
    'f.yaml:1:1: 100001 elements in all sets are more than the limit of 100000',
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
    max_bytes: 1000
    rate: 10/s
    burst: 20
    log: sample:100
    expires: 2026-11-20T12:00:00Z
    comment: the app may ask
  - id: 'true'
    drop: '*:* -> *:*'
`
  t.equal(formatPolicyDocument({ rules: read(file(text)) }), text)
  const whole = `sets:
  admins:
    - anna
    - tag:ops:22
tags:
  ops:
    - bert
rules: []
tests:
  - from: anna:1
    to: tag:db:22
    type: stream
    bytes: 9
    expect: reject
    rule: default
`
  const document = parsePolicyDocument(whole, 'f.yaml')
  t.equal(document.ok && formatPolicyDocument(document), whole)
  t.equal(formatPolicyDocument({ rules: [] }), 'rules: []\n')
})

await t.test('what is written reads back as the same policy, and is written the same', async () => {
  const withoutPlaces = (key: string, value: unknown): unknown =>
    key === 'place' ? undefined : value
  fc.assert(
    fc.property(policy, some => {
      const text = formatPolicyDocument(some)
      const document = parsePolicyDocument(text, 'f.yaml')
      if (!document.ok) return false
      const { rules, sets, tags, tests } = document
      return (
        JSON.stringify({ rules, sets, tags, tests }, withoutPlaces) === JSON.stringify(some) &&
        formatPolicyDocument(document) === text
      )
    }),
    { numRuns: policies },
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

await t.test('of very many problems the first are told', async t => {
  const text = `rules:\n${'- x\n'.repeat(PROBLEMS_MAX + 1)}`
  const files = ['a.yaml', 'b.yaml', 'c.yaml'].map(name => file(text, name))
  for (const few of [files.slice(0, 1), files]) {
    const read = mergeDocuments([file('- a: 1', '0.yaml'), ...few])
    if (read.ok) throw new Error('it is wrong in many places')
    t.equal(read.problems.length, PROBLEMS_MAX)
    t.match(read.problems.slice(0, 2), [{ file: '0.yaml' }, { file: 'a.yaml', line: 2 }])
  }
})
