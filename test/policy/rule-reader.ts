import t from 'tap'
import { mergeDocuments } from '../../src/policy/document.js'
import { formatProblem } from '../../src/policy/policy-problem.js'
import { formatRule } from '../../src/policy/rule-text.js'
import type { Rule } from '../../src/policy/rule.js'
import type { PolicyFile } from '../../src/policy/yaml-source.js'

/** A file with one rule of these lines. */
function rule(...lines: string[]): PolicyFile {
  return { name: 'f.yaml', text: `rules:\n  - ${lines.join('\n    ')}\n` }
}

/** The rules of a file that has to be right. */
function read(file: PolicyFile): readonly Rule[] {
  const document = mergeDocuments([file])
  if (!document.ok) throw new Error(document.problems.map(formatProblem).join('\n'))
  return document.rules
}

/** Everything that is wrong with a file, a line for each. */
function wrong(file: PolicyFile): string[] {
  const document = mergeDocuments([file])
  return document.ok ? [] : document.problems.map(formatProblem)
}

const good = 'accept: web:* -> db:5432'

await t.test('every key of a rule is read, and its place is kept', async t => {
  const [found] = read(
    rule(
      'id: a',
      'ask: "@s:* -> db:5432"',
      'type: stream',
      'replies: true',
      'max_bytes: 0x10',
      'rate: 10/s',
      'burst: 5',
      'flow_rate: 1/h',
      'flow_burst: 2',
      'quota: 5000/h',
      'log: all',
      'expires: 2026-11-20T12:00:00Z',
      'comment: why',
    ),
  )
  t.equal(
    found && formatRule(found),
    'ask @s:* -> db:5432 type stream replies max_bytes 16 rate 10/s burst 5 flow_rate 1/h flow_burst 2 quota 5000/h log all expires 2026-11-20T12:00:00Z  # why',
  )
  t.same(found?.place, { file: 'f.yaml', line: 2 })
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

await t.test('what is wrong with a rule is said with its place and what was expected', async t => {
  const refusals: [PolicyFile, RegExp][] = [
    [rule('acept: web:* -> db:5432'), /:2:5: a rule is a mapping .*; "acept" is none of them/],
    [rule(good, '1: a'), /:3:5: .* a number is none of them/],
    [rule(good, '__proto__: a'), /:3:5: .* "__proto__" is none of them/],
    [rule(good, 'type: any', 'type: any'), /:4:5: type is on line 3 already/],
    [rule(good, good), /:3:5: accept is on line 2 already/],
    [rule('id: a'), /:2:5: a rule says accept, reject, drop, audit or ask, such as/],
    [rule(good, 'drop: a:1 -> b:2'), /:3:5: a rule has one action, and accept is on line 2/],
    [rule('accept:'), /:2:12: accept is followed by FROM -> TO, .* not an empty value/],
    [rule('? accept'), /:2:7: accept is followed by FROM -> TO, .* not an empty value/],
    [rule('drop: [a]'), /:2:11: drop is followed by FROM -> TO, .* not a list/],
    [rule('drop: 80'), /:2:11: drop is followed by FROM -> TO, (?!.*quotes).*, not a number/],
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
    [rule(good, 'type: 1'), /:3:11: type is one of any, dgram, stream, not a number/],
    [rule(good, 'replies: yes'), /:3:14: replies is true or false, not "yes"/],
    [rule(good, 'replies:'), /:3:13: replies is true or false, not an empty value/],
    [rule('drop: a:1 -> b:2', 'replies: true'), /:3:5: replies goes with accept, audit or ask/],
    [rule(good, 'max_bytes: 1.5'), /:3:16: max_bytes is a whole number of bytes, not "1.5"/],
    [rule(good, 'max_bytes: -1'), /:3:16: max_bytes is a whole number of bytes, not "-1"/],
    [rule(good, 'max_bytes: "5"'), /:3:16: max_bytes is a whole number of bytes, not "5"/],
    [rule(good, 'max_bytes: 16777216'), /:3:5: max_bytes is a whole number from 0 to/],
    [rule(good, 'rate: 10'), /:3:11: rate is a number of .* 5\/h, not a number/],
    [rule(good, 'rate: 10/d'), /:3:11: rate is a number of datagrams per second, .* not "10\/d"/],
    [rule(good, 'rate: 0/s'), /:3:5: rate is 1 to/],
    [rule(good, 'burst: 5'), /:3:5: burst goes with rate/],
    [rule(good, 'flow_burst: []'), /:3:17: flow_burst is a whole number of datagrams, not a list/],
    [rule(good, 'log: some'), /:3:10: log is none, deny, all or sample:N, .* not "some"/],
    [rule(good, 'expires: 10m'), /:3:14: "10m" is not a time/],
    [rule('reject: a:1 -> b:2', 'rate: 1/s'), /:3:5: rate goes with accept, audit or ask/],
    [rule('accept: "@s -> b:2"'), /:2:14: "@s" has no port/],
    [rule('accept: @s:1 -> b:2'), /:2:13: this is not sound YAML/],
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
