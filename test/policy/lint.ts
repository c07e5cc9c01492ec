import fc from 'fast-check'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { formatPolicyDocument, parsePolicyDocument } from '../../src/policy/document.js'
import { lint, LINT_SEVERITIES, type LintFinding } from '../../src/policy/lint.js'
import { formatProblem } from '../../src/policy/policy-problem.js'
import type { Policy } from '../../src/policy/policy.js'
import { parseSelector } from '../../src/policy/selector.js'
import { cleanPolicy } from './fixtures/clean-policy.js'

/** A policy without a fault; what is planted goes in front of the last rule. */
const rulesInFront = `rules:
  - id: never-ssh
    reject: web:* -> db:22
    comment: nobody logs in
  - id: web-to-db
    accept: web:* -> db:1-6000
    replies: true
    comment: the app asks
  - id: ops-to-control
    accept: ops:* -> control:7
    comment: those who may
  - id: admins-in
    accept: "@admins:* -> web:22"
    comment: those who may
`
const rest = `sets:
  admins: [anna, bert]
tags:
  staff: [anna, carla]
`

const options = {
  now: Date.parse('2026-11-20T12:00:00Z'),
  domains: [
    { name: 'web', tags: ['front'] },
    { name: 'db', tags: ['back'] },
    ...['ops', 'anna', 'bert', 'carla', 'log', 'console'].map(name => ({ name, tags: [] })),
  ],
  admin: ['console:443', 'tag:back:9'].flatMap(text => {
    const selector = parseSelector(text)
    return typeof selector !== 'string' && (selector.kind === 'name' || selector.kind === 'tag')
      ? selector
      : []
  }),
  comments: true,
  hits: new Map(
    ['never-ssh', 'web-to-db', 'ops-to-control', 'admins-in', 'planted'].map(id => [id, 1]),
  ),
}

function read(text: string): Policy {
  const document = parsePolicyDocument(text, 'f.yaml')
  if (!document.ok) throw new Error(document.problems.map(formatProblem).join('\n'))
  return document
}

function lines({ code, about, place }: LintFinding): string {
  return `${code} ${about} ${place?.line}`
}

await t.test('twenty defects that were planted are all found, each where it is', async t => {
  const rule = (text: string): string =>
    `${rulesInFront}  - id: planted\n    ${text}\n    comment: x\n${rest}`
  const plantedLine = rulesInFront.split('\n').length
  const inRule = (code: string): string => `${code} planted ${plantedLine}`
  const setsLine = plantedLine + 1
  const planted: [string, string, string][] = [
    ['shadowed by one rule', rule('accept: web:1 -> db:5432'), inRule('shadowed')],
    ['shadowed by the opposite', rule('accept: web:* -> db:22'), inRule('shadowed')],
    ['in vain after two', rule('accept: web:* -> db:20-30'), inRule('unreachable')],
    ['shadowed on the way back', rule('accept: db:80 -> web:9'), inRule('shadowed')],
    ['shadowed through a set', rule('drop: anna:* -> web:22'), inRule('shadowed')],
    ['said twice', rule('accept: ops:* -> control:7'), inRule('duplicate')],
    ['partly contradicted', rule('reject: web:* -> db:5000-7000'), inRule('overlap')],
    [
      'partly contradicted by a rule for less',
      rule('accept: web:1 -> db:22-8000'),
      inRule('overlap'),
    ],
    [
      'expired',
      rule('accept: web:* -> log:514\n    expires: 2026-11-20T11:00:00Z'),
      inRule('expired'),
    ],
    ['an undefined set', rule('accept: "@nobody:* -> log:514"'), inRule('undefined-set')],
    ['an undefined tag', rule('accept: tag:frnt:* -> log:514'), inRule('undefined-tag')],
    ['an undefined domain', rule('accept: web:* -> lgo:514'), inRule('undefined-domain')],
    ['control open to all', rule('accept: "*:* -> control:7"'), inRule('wildcard-to-admin')],
    [
      'control open on the way back',
      rule('accept: "control:9 -> *:*"\n    replies: true'),
      inRule('wildcard-to-admin'),
    ],
    [
      'an endpoint for admins open to all',
      rule('accept: "*:* -> console:443"'),
      inRule('wildcard-to-admin'),
    ],
    ['all ends open to one', rule('accept: "log:* -> *:443"'), inRule('wildcard-to-admin')],
    [
      'never hit',
      rule('accept: web:* -> log:514').replace('planted', 'fresh'),
      `never-hit fresh ${plantedLine}`,
    ],
    [
      'without a comment',
      rule('accept: web:* -> log:514').replace('\n    comment: x', ''),
      inRule('no-comment'),
    ],
    [
      'an empty set',
      `${rulesInFront}${rest.replace('sets:', 'sets:\n  empty: []')}`,
      `empty-set empty ${setsLine}`,
    ],
    [
      'an element that has expired',
      `${rulesInFront}${rest.replace('bert', 'bert expires 2026-11-20T12:00:00Z')}`,
      `expired admins ${setsLine}`,
    ],
    [
      'an element that is nobody',
      `${rulesInFront}${rest.replace('bert', 'brt')}`,
      `undefined-domain admins ${setsLine}`,
    ],
    [
      'a tag for nobody',
      `${rulesInFront}${rest.replace('carla', 'crla')}`,
      `undefined-domain staff ${setsLine + 2}`,
    ],
  ]
  t.ok(planted.length >= 20)
  t.same(lint(read(rulesInFront + rest), options), [], 'nothing is found without them')
  for (const [what, text, expected] of planted) {
    t.same(lint(read(text), options).map(lines), [expected], what)
  }
})

await t.test('nothing is found in 500 files without a fault', async t => {
  let rules = 0
  fc.assert(
    fc.property(cleanPolicy, ({ domains, ...clean }) => {
      const policy = read(formatPolicyDocument(clean))
      rules += policy.rules.length
      const hits = new Map(policy.rules.map(({ id }) => [id, 1]))
      const findings = lint(policy, { now: options.now, domains, hits, comments: true })
      if (findings.length > 0) throw new Error(JSON.stringify(findings))
      return true
    }),
    { numRuns: 500 },
  )
  t.ok(rules > 2_000, `${rules} rules`)
})

await t.test('a finding says what is the matter and how bad it is', async t => {
  const policy = read(`rules:
  - { id: a, accept: "a:1 -> b:*" }
  - { id: b, drop: "a:* -> b:5" }
  - { id: c, drop: "a:* -> b:5" }
  - { id: d, drop: "a:1 -> b:5" }
  - { id: e, accept: "a:* -> b:5-6", expires: 1970-01-01T00:00:01Z }
  - { id: f, accept: "@s:* -> tag:t:*" }
  - { id: g, accept: "*:1 -> control:*" }
sets:
  u: [a expires 1970-01-01T00:00:01Z]
`)
  const texts = lint(policy, { now: 1_000, domains: [] }).map(
    ({ severity, about, message }) => `${severity} ${about}: ${message}`,
  )
  const unknown = /: there is no domain "[ab]"$/
  t.same(
    texts.filter(text => !unknown.test(text)),
    [
      'note b: rule a comes first for a part of it and says the opposite: accept a:1 -> b:*',
      'warning c: it says the same as rule b',
      'warning d: it never decides: rule a comes first for everything it speaks of',
      'warning e: it matches nothing any more: it expired at 1970-01-01T00:00:01Z',
      'error f: there is no set "s"',
      'warning f: no domain has the tag "t"',
      'warning g: it lets every domain reach control:*, which is for admins: name who and what',
      'warning u: the set "u" is empty: all of its elements have expired',
      'warning u: its element "a expires 1970-01-01T00:00:01Z" is no more',
    ],
  )
  t.equal(texts.filter(text => unknown.test(text)).length, 11)
  const vain = read(`rules:
  - { id: a, accept: "a:* -> b:1-5" }
  - { id: b, accept: "a:* -> b:6-9" }
  - { id: c, accept: "a:* -> b:3-7" }
`)
  t.match(lint(vain, { now: 0 }), [{ message: /rules a, b together come first/ }])
})

await t.test('a rule that decided nothing for as long as is asked is unused', async t => {
  const day = 86_400_000
  const lastHits = new Map([
    ['never-ssh', options.now - 30 * day],
    ['web-to-db', options.now - 30 * day + 1],
    ['ops-to-control', options.now],
  ])
  const found = lint(read(rulesInFront + rest), {
    ...options,
    unused: { forMs: 30 * day, lastHits },
  })
  t.match(found, [
    {
      code: 'unused',
      severity: 'note',
      about: 'never-ssh',
      message: 'it has not decided about a datagram since 2026-10-21T12:00:00Z',
    },
  ])
  t.equal(found.length, 1)
})

await t.test('a set that is stated as empty is meant to be filled, if a rule names it', async t => {
  const rule = 'rules: [{ id: a, accept: "x:1 -> @oncall:1" }]'
  t.same(lint(read(`${rule}\nsets: { oncall: [] }`), { now: 0 }), [])
  t.match(lint(read(`${rule}\nsets: { oncall: [], other: [] }`), { now: 0 }), [
    {
      code: 'empty-set',
      about: 'other',
      message: 'the set "other" is empty, and no rule names it',
    },
  ])
})

await t.test(
  'without domains nobody is called unknown, and no severity is without a code',
  async t => {
    t.same(lint(read('rules: [{ id: a, accept: "x:1 -> tag:y:1" }]'), { now: 0 }), [])
    t.equal(LINT_SEVERITIES['undefined-set'], 'error')
  },
)

await t.test('an endpoint for admins is one on its ports only', async t => {
  const open = read('rules: [{ id: a, accept: "*:* -> console:80", comment: x }]')
  t.same(lint(open, { now: 0, admin: options.admin }), [])
})

await t.test('the policies that are shipped are clean', async t => {
  for (const folder of ['policy', join('policy', 'examples')]) {
    for (const name of readdirSync(folder).filter(each => each.endsWith('.yaml'))) {
      t.same(lint(read(readFileSync(join(folder, name), 'utf8')), { now: 0 }), [], name)
    }
  }
})
