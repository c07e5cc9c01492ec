import t from 'tap'
import { mergeDocuments } from '../../src/policy/document.js'
import { diffParts } from '../../src/policy/part-change.js'
import type { Policy } from '../../src/policy/policy.js'

function policyIn(text: string): Policy {
  const read = mergeDocuments([{ name: 'a.yaml', text }])
  if (!read.ok) throw new Error(JSON.stringify(read.problems))
  return read
}

const before = policyIn(`sets:
  gone: [a]
  same: [a, b]
  other: [a, 'b:22']
tags: { x: [a], y: [b] }
rules:
  - { id: r1, accept: 'a:* -> b:1' }
  - { id: r2, accept: 'a:* -> b:2' }
tests:
  - { from: a:1, to: b:1, expect: accept }
  - { from: a:1, to: b:1, expect: accept, rule: r1 }
  - { from: a:1, to: b:2, expect: accept, type: stream, bytes: 5 }
`)
const after = policyIn(`sets:
  other: ['b:22', c]
  same: [a, b]
  new: []
tags: { x: [], y: [b] }
rules:
  - { id: r1, drop: 'a:* -> b:1' }
tests:
  - { from: a:1, to: b:2, expect: reject, type: stream, bytes: 5 }
  - { from: a:1, to: b:1, expect: accept }
`)

await t.test('all parts of a policy that differ are named, with their places', async t => {
  const at = (line: number) => ({ place: { file: 'a.yaml', line } })
  t.strictSame(diffParts(before, after), [
    { part: 'rule', kind: 'removed', id: 'r2', position: 2, before: 'accept a:* -> b:2' },
    {
      part: 'rule',
      kind: 'changed',
      id: 'r1',
      position: 1,
      before: 'accept a:* -> b:1',
      after: 'drop a:* -> b:1',
      ...at(7),
    },
    { part: 'set', kind: 'removed', id: '@gone', before: 'a' },
    { part: 'set', kind: 'changed', id: '@other', before: 'a', after: 'c', ...at(2) },
    { part: 'set', kind: 'added', id: '@new', after: '', ...at(4) },
    { part: 'tag', kind: 'changed', id: 'tag:x', before: 'a', after: '', ...at(5) },
    {
      part: 'test',
      kind: 'changed',
      id: 'a:1 -> b:2 type stream bytes 5',
      before: 'accept',
      after: 'reject',
      ...at(9),
    },
    {
      part: 'test',
      kind: 'changed',
      id: 'a:1 -> b:1',
      before: 'accept by r1',
      after: '',
      ...at(10),
    },
  ])
  t.strictSame(diffParts(before, before), [])
})

await t.test('what came from no document has no place', async t => {
  const test = {
    from: { kind: 'name', name: 'a', port: 1 },
    to: { kind: 'name', name: 'b', port: 1 },
    expect: 'accept',
  } as const
  const bare = { rules: [], sets: [], tags: [], tests: [test] }
  const none = { rules: [], sets: [], tags: [], tests: [] }
  t.strictSame(diffParts(none, bare), [
    { part: 'test', kind: 'added', id: 'a:1 -> b:1', after: 'accept' },
  ])
  const { rules } = before
  const placeless = rules.map(rule => ({ ...rule, place: undefined }))
  const [gone, changed] = diffParts(
    { ...none, rules: [rules[0]!, rules[1]!] },
    {
      ...none,
      rules: [{ ...placeless[0]!, action: 'drop' }],
    },
  )
  t.notOk('place' in gone!)
  t.notOk('place' in changed!)
})
