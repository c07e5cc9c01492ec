import t from 'tap'
import { parsePolicyDocument } from '../../src/policy/document.js'
import { formatProblem } from '../../src/policy/policy-problem.js'
import { ALL_PORTS } from '../../src/policy/selector.js'

/** Everything that is wrong with a text, a line for each. */
function wrong(text: string): string[] {
  const document = parsePolicyDocument(text, 'f.yaml')
  return document.ok ? [] : document.problems.map(formatProblem)
}

await t.test('sets, tags and tests are read', async t => {
  const text = `sets:
  admins: [anna, tag:ops:22]
  empty: []
tags:
  ops:
    - bert
tests:
  - from: tag:ops:1
    to: control:7
    expect: audit
    type: stream
    bytes: 100
    rule: some-rule
`
  const document = parsePolicyDocument(text, 'f.yaml')
  t.same(document, {
    ok: true,
    rules: [],
    sets: [
      {
        name: 'admins',
        elements: [
          { kind: 'name', name: 'anna', ports: ALL_PORTS },
          { kind: 'tag', tag: 'ops', ports: { min: 22, max: 22 } },
        ],
        place: { file: 'f.yaml', line: 2 },
      },
      { name: 'empty', elements: [], place: { file: 'f.yaml', line: 3 } },
    ],
    tags: [{ tag: 'ops', domains: ['bert'], place: { file: 'f.yaml', line: 5 } }],
    tests: [
      {
        from: { kind: 'tag', tag: 'ops', port: 1 },
        to: { kind: 'name', name: 'control', port: 7 },
        expect: 'audit',
        type: 'stream',
        bytes: 100,
        rule: 'some-rule',
        place: { file: 'f.yaml', line: 8 },
      },
    ],
  })
})

await t.test('what is wrong is said with its place and what was expected', async t => {
  const test = (rest: string): string =>
    `tests:\n- from: a:1\n  to: b:2\n  expect: accept\n  ${rest}`
  const refusals: [string, RegExp][] = [
    [
      'sets:',
      /:1:6: sets is a mapping from the name of a set to a list, .* here is an empty value/,
    ],
    ['? sets', /:1:3: sets is a mapping from the name of a set to a list/],
    ['sets: { 7: [a] }', /:1:9: a name is text, written in quotes, not a number/],
    ['sets: { A: [a] }', /:1:9: a set's name is 1 to 63 of .*, not "A"/],
    ['sets: { s: [a], s: [b] }', /:1:17: s is on line 1 already/],
    ['sets: { s: a }', /:1:12: "s" is a list, or \[\] for an empty one, not "a"/],
    ['sets: { s: }', /:1:12: "s" is a list, or \[\] for an empty one, not an empty value/],
    ['sets: { s: [1] }', /:1:13: an element of a set is text such as web, .*, not a number/],
    ['sets: { s: [[a]] }', /:1:13: an element of a set is text such as web, .*, not a list/],
    ['sets: { s: [a, "a:*"] }', /:1:16: a is in the list already, on line 1/],
    ['sets: { s: [control] }', /:1:13: a set never holds the control domain/],
    ['sets: { s: ["*"] }', /:1:13: an element of a set is a domain or a tag/],
    ['tags: [a]', /:1:7: tags is a mapping from a tag to a list of domains/],
    ['tags: { X: [a] }', /:1:9: a tag is 1 to 63 of .*, not "X"/],
    ['tags: { x: [true] }', /:1:13: a domain is named by text, not the value true/],
    ['tags: { x: [tag] }', /:1:13: "tag" is reserved/],
    ['tags: { x: [a, a] }', /:1:16: a is in the list already/],
    ['tests: {}', /:1:8: tests is a list, or \[\] for none, not a mapping/],
    ['tests: [a]', /:1:9: a test is a mapping with the keys from, to and expect, .* here is "a"/],
    ['tests: [{ form: a:1 }]', /:1:11: a test is a mapping .*; "form" is none of them/],
    ['tests: [{ from: a:1, to: b:2 }]', /:1:9: .* from, to and expect: expect is missing/],
    ['tests: [{ to: b:2, expect: drop }]', /:1:9: .*: from is missing/],
    ['tests: [{ from: a, to: b:2, expect: drop }]', /:1:17: "a" has no port/],
    [
      'tests: [{ from: 1, to: b:2, expect: drop }]',
      /:1:17: from is a domain and a port, such as web:40000, not a number/,
    ],
    ['tests: [{ from: a:1, to: "b:*", expect: drop }]', /:1:26: a test names one port/],
    [
      'tests: [{ from: a:1, to: b:2, expect: deny }]',
      /:1:39: expect is one of accept, .*, not "deny"/,
    ],
    [test('type: any'), /:5:9: type is one of dgram, stream, not "any"/],
    [test('bytes: x'), /:5:10: bytes is a whole number from 0 to 16777\d\d\d, not "x"/],
    [test('bytes: 16777216'), /:5:3: bytes is a whole number from 0 to 16777\d\d\d, not 16777216/],
    [test('rule: A'), /:5:9: a rule's id is 1 to 63 of/],
    [
      test('rule: 7'),
      /:5:9: rule is the id of a rule, or default, written in quotes, not a number/,
    ],
  ]
  for (const [text, expected] of refusals) {
    const found = wrong(text)
    t.equal(found.length, 1, `${text}: ${found.join('\n')}`)
    t.match(found[0], expected, text)
  }
  t.same(wrong(test('rule: default')), [])
})
