import fc from 'fast-check'
import t from 'tap'
import { documentedPolicy, type DocumentedPolicy } from '../../src/policy/document.js'
import { formatPolicyDocument } from '../../src/policy/document.js'
import { OpenDocuments } from '../../src/policy/open-documents.js'
import type { Rule } from '../../src/policy/rule.js'
import type { PolicyFile } from '../../src/policy/yaml-source.js'
import { policy as anyPolicy, ruleBody } from './fixtures/arbitraries.js'

function policyOf(...texts: readonly string[]): DocumentedPolicy {
  return read(texts.map((text, i) => ({ name: `${i}.yaml`, text })))
}

function read(documents: readonly PolicyFile[]): DocumentedPolicy {
  const policy = documentedPolicy(documents)
  if (policy === undefined) throw new Error(JSON.stringify(documents))
  return policy
}

await t.test('the lines of a rule can be taken to other files, if they say its id', async t => {
  const text = `rules:
  - { id: a, drop: "a:* -> b:1" }

  # the app
  - id: b
    accept: app:* -> db:1
    max_bytes: 20 # enough`
  const policy = policyOf(text)
  const lines = new OpenDocuments(policy).linesOf('b')
  t.strictSame(lines, { text: `${text.slice(text.indexOf('  # the app'))}\n`, above: 1, indent: 2 })
  const taken = (from: DocumentedPolicy): unknown =>
    new OpenDocuments(from).linesOf(from.rules.at(-1)!.id)
  t.equal(taken({ ...policy, documents: [] }), undefined)
  t.equal(taken(policyOf('rules: [{ id: a, drop: "*:* -> b:1" }]\n')), undefined)
  t.equal(taken(policyOf('rules:\n  - drop: "*:* -> b:1"\n')), undefined)
  t.match(taken(policyOf('rules:\n  - drop: "*:* -> b:1"\n    id: c\n')), { above: 0 })
  const other = new OpenDocuments(policyOf('rules:\n- id: x\n  drop: "*:* -> b:1"\n'))
  t.ok(other.insert(policy.rules[1]!, 'x', lines))
  const { documents, rules } = other.close()!
  t.match(documents[0]!.text, /b:1"\n# the app\n- id: b\n {2}accept: app/)
  t.equal(rules[1]!.place!.line, 5)
})

await t.test('rules are edited one after the other, and places are right at the end', async t => {
  const open = new OpenDocuments(
    policyOf(
      'tests: [{ from: a:1, to: b:1, expect: reject }]\nrules:\n  # of a\n  - id: a\n    drop: a:* -> b:1\n\n  - id: b\n    drop: b:* -> b:1\nsets: { s: [a] }\ntags:\n  t: [a]\n',
      'rules: []\n',
    ),
  )
  const [a, b] = policyOf(
    'rules:\n  - { id: a, drop: "*:* -> c:1" }\n  - { id: b, drop: "*:* -> d:1" }',
  ).rules as [Rule, Rule]
  const c = { ...a, id: 'c' }
  t.ok(open.move(b, undefined))
  t.ok(open.insert(c, 'b'))
  t.ok(open.move(a, 'c'))
  t.ok(open.remove('c'))
  const policy = open.close()!
  t.equal(
    policy.documents[0]!.text,
    `tests: [{ from: a:1, to: b:1, expect: reject }]
rules:
  - id: b
    drop: '*:* -> d:1'
  # of a
  - id: a
    drop: '*:* -> c:1'

sets: { s: [a] }
tags:
  t: [a]
`,
  )
  t.strictSame(plain(policy), plain(read(policy.documents)))
})

await t.test('the only rule of all can go and another come', async t => {
  const open = new OpenDocuments(policyOf('rules:\n  - { id: a, drop: "a:* -> b:1" }\n'))
  const [rule] = policyOf('rules: [{ id: b, drop: "*:* -> c:1" }]').rules
  t.ok(open.move({ ...rule!, id: 'a' }, undefined))
  t.ok(open.remove('a'))
  t.ok(open.insert(rule!, undefined))
  const { documents, rules } = open.close()!
  t.strictSame(documents, [
    { name: '0.yaml', text: 'rules: []\n' },
    { name: 'rules.yaml', text: "rules:\n  - id: b\n    drop: '*:* -> c:1'\n" },
  ])
  t.strictSame(rules[0]!.place, { file: 'rules.yaml', line: 2 })
})

await t.test('the only rule of a file moves out, whatever is above it', async t => {
  const rule = (id: string): string => `  - id: ${id}\n    drop: a:* -> b:1\n`
  const before = policyOf(`"rules":\n${rule('a')}`, `rules:\n${rule('b')}`)
  const open = new OpenDocuments(before)
  t.ok(open.move(before.rules[0]!, 'b'))
  const policy = open.close()!
  t.strictSame(
    policy.rules.map(({ id }) => id),
    ['b', 'a'],
  )
  t.strictSame(plain(policy), plain(read(policy.documents)))
})

await t.test('ids that were made stay when many rules go', async t => {
  const twins = '  - accept: a:* -> b:1\n'.repeat(4)
  const open = new OpenDocuments(policyOf(`rules:\n${twins}`, `rules: # more\n${twins}`))
  for (const n of [8, 2, 6, 7]) t.ok(open.remove(`accept-a-b.1-${n}`))
  const left = ['accept-a-b.1', 'accept-a-b.1-3', 'accept-a-b.1-4', 'accept-a-b.1-5']
  const policy = open.close()!
  t.strictSame(
    policy.rules.map(({ id }) => id),
    left,
  )
  t.strictSame(plain(policy), plain(read(policy.documents)))
})

const step = fc.record({
  kind: fc.constantFrom('insert', 'remove', 'update', 'move'),
  at: fc.nat(),
  to: fc.nat(),
  body: ruleBody,
})

await t.test('many edits at once come to the same as one after the other', async () => {
  fc.assert(
    fc.property(
      anyPolicy,
      fc.constantFrom('named', 'bare', 'flow', 'crlf', 'open'),
      fc.array(step, { minLength: 2, maxLength: 5 }),
      (said, form, steps) => {
        const start = read(filesOf(said, form))
        const open = new OpenDocuments(start)
        let one = start
        for (const [n, { kind, at, to, body }] of steps.entries()) {
          const { rules } = one
          const id = rules[at % Math.max(1, rules.length)]?.id
          const others = rules.filter(rule => rule.id !== id || kind === 'insert')
          const after = others[(to % (others.length + 1)) - 1]?.id
          const make = (documents: OpenDocuments): boolean => {
            if (kind === 'insert') return documents.insert({ id: `new-${n}`, ...body }, after)
            if (id === undefined) return true
            if (kind === 'remove') return documents.remove(id)
            if (kind === 'update') return documents.update({ id, ...body })
            return documents.move(
              rules.find(rule => rule.id === id)!,
              after,
            )
          }
          const single = new OpenDocuments(one)
          if (!make(single) || !make(open)) return false
          one = single.close()!
        }
        const all = open.close()!
        t.strictSame(all.documents, one.documents)
        t.strictSame(plain(all), plain(one))
        t.strictSame(plain(all), plain(read(all.documents)))
        return true
      },
    ),
    { numRuns: 60 },
  )
})

/** A policy in two files, as people would write it. */
function filesOf({ rules, ...others }: Omit<DocumentedPolicy, 'documents'>, form: string) {
  const half = Math.ceil(rules.length / 2)
  const [first, second] = [rules.slice(0, half), rules.slice(half)].map(part =>
    formatPolicyDocument({ rules: part }),
  )
  const written = (text: string): string => {
    switch (form) {
      case 'bare':
        return text.replace(/^ {2}- id: .*\n {4}/gm, '  # some\n  - ')
      case 'flow':
        return text.replace(/^rules:\n/, '"rules":\n')
      case 'crlf':
        return text.replaceAll('\n', '\r\n')
      case 'open':
        return text.trimEnd()
      default:
        return text
    }
  }
  return [
    { name: '1.yaml', text: written(first!) },
    { name: '2.yaml', text: written(second!) },
    { name: '3.yaml', text: formatPolicyDocument({ rules: [], ...others }) },
  ]
}

// Fields that are undefined, and their order, make no difference.
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (_, each: unknown) => sorted(each)))
}

function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
}

await t.test('what the documents do not say can not be edited, and stays as it is', async t => {
  const twins = policyOf('rules: [{ drop: a:* -> b:1 }, { drop: a:* -> b:1 }]\nsets: { s: [a] }\n')
  const bare = {
    ...twins,
    rules: twins.rules.map(rule => ({ ...rule, place: undefined })),
    sets: twins.sets.map(set => ({ ...set, place: undefined })),
    documents: [{ name: '0.yaml', text: 'rules: 5' }],
  }
  const [first] = bare.rules
  t.notOk(new OpenDocuments(bare).remove(first!.id))
  t.notOk(new OpenDocuments(bare).update(first!))
  t.notOk(new OpenDocuments(bare).move(first!, 'drop-a-b.1-2'))
  t.strictSame(new OpenDocuments(bare).close(), bare)
})
