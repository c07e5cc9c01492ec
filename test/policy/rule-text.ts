import fc from 'fast-check'
import t from 'tap'
import {
  formatRule,
  formatSides,
  parseAction,
  parseRule,
  parseRuleType,
  parseSides,
} from '../../src/policy/rule-text.js'
import { ALL_PORTS } from '../../src/policy/selector.js'
import { ruleBody } from './fixtures/arbitraries.js'

await t.test('a line with everything in it is read', async t => {
  t.same(parseRule('accept web:* -> db:5432 type dgram replies  # the app may ask'), {
    ok: true,
    rule: {
      action: 'accept',
      source: { kind: 'name', name: 'web', ports: ALL_PORTS },
      destination: { kind: 'name', name: 'db', ports: { min: 5432, max: 5432 } },
      type: 'dgram',
      replies: true,
      comment: 'the app may ask',
    },
  })
})

await t.test('a line with every option is read and printed the same', async t => {
  const text =
    'ask @a:1 -> tag:b:2 type stream replies max_bytes 99 rate 10/s burst 20 flow_rate 1/m flow_burst 2 quota 100MiB/d log sample:100 expires 2026-11-20T12:00:00Z'
  const parsed = parseRule(text)
  t.match(parsed, {
    ok: true,
    rule: {
      action: 'ask',
      source: { kind: 'set', set: 'a' },
      maxBytes: 99,
      rate: { count: 10, perSeconds: 1 },
      burst: 20,
      flowRate: { count: 1, perSeconds: 60 },
      flowBurst: 2,
      quota: { bytes: 100 * 2 ** 20, perSeconds: 86400 },
      log: { sample: 100 },
      expires: 1_795_176_000_000,
    },
  })
  t.equal(parsed.ok && formatRule(parsed.rule), text)
})

await t.test('options may be left out, stand in any order, and blanks do not matter', async t => {
  const short = parseRule('drop *:* -> *:*')
  t.match(short, { ok: true, rule: { action: 'drop', type: 'any', replies: false, comment: '' } })
  t.same(parseRule('\t drop  *:*\t->   *:*  \t'), short)
  t.same(parseRule('drop *:* -> *:* #'), short)
  t.same(
    parseRule('accept a:1 -> b:2 replies type stream'),
    parseRule('accept a:1 -> b:2 type stream replies #  '),
  )
})

await t.test('a comment starts at a # that stands in front of a word', async t => {
  t.match(parseRule('drop *:* -> *:* #a # b'), { rule: { comment: 'a # b' } })
  t.match(parseRule('drop *:* -> *:*# b'), { ok: false, column: 13 })
})

await t.test('a rule is printed in one form', async t => {
  const parsed = parseRule('accept  0:1-1 ->  b:* replies type any #x')
  t.equal(parsed.ok && formatRule(parsed.rule), 'accept control:1 -> b:* replies  # x')
})

await t.test('what is printed reads back as the same rule', async () => {
  fc.assert(
    fc.property(ruleBody, rule => {
      const parsed = parseRule(formatRule(rule))
      return parsed.ok && JSON.stringify(parsed.rule) === JSON.stringify(rule)
    }),
    { numRuns: 2_000 },
  )
})

await t.test('an error says what is wrong and at which column', async t => {
  const refusals: [string, number, RegExp][] = [
    ['', 1, /a rule starts with accept, reject, drop, audit or ask$/],
    ['   ', 1, /a rule starts with/],
    ['# only a comment', 1, /a rule starts with/],
    ['allow a:1 -> b:2', 1, /a rule starts with accept, reject, drop, audit or ask, not "allow"/],
    ['  allow', 3, /not "allow"/],
    ['accept', 7, /expected FROM -> TO, such as/],
    ['accept  # x', 9, /expected FROM -> TO/],
    ['accept a', 8, /"a" has no port/],
    ['accept a:1', 11, /expected -> between FROM and TO$/],
    ['accept a:1 to b:2', 12, /expected -> between FROM and TO, not "to"/],
    ['accept a:1 ->', 14, /expected TO behind ->/],
    ['accept a:1 -> b', 15, /"b" has no port/],
    ['accept a:1 -> 7:2', 15, /rules bind to names, not numbers/],
    [
      'accept a:1 -> b:2 tpye',
      19,
      /expected type, replies, max_bytes, .* expires or a # comment, not "tpye"/,
    ],
    ['accept a:1 -> b:2 type', 23, /type is followed by any, dgram or stream$/],
    ['accept a:1 -> b:2 type tcp', 24, /type is followed by any, dgram or stream, not "tcp"/],
    ['accept a:1 -> b:2 type any type any', 28, /type is said twice/],
    ['accept a:1 -> b:2 replies replies', 27, /replies is said twice/],
    ['drop a:1 -> b:2 replies', 17, /replies goes with accept, audit or ask/],
    ['accept a:1 -> b:2 rate', 23, /^rate is a number of datagrams per second/],
    ['accept a:1 -> b:2 rate 5', 24, /^rate is a number .*, such as 10\/s, .*, not "5"/],
    ['accept a:1 -> b:2 rate 5/s rate 5/s', 28, /rate is said twice/],
    ['accept a:1 -> b:2 rate 0/s', 19, /^rate is 1 to 1000000000 datagrams/],
    ['accept a:1 -> b:2 type any burst 5', 28, /burst goes with rate/],
    ['drop a:1 -> b:2 max_bytes 5', 17, /max_bytes goes with accept, audit or ask/],
    ['drop a:1 -> b:2 expires soon', 25, /"soon" is not a time/],
    ['drop a:1 -> b:2 # \u0007', 17, /one line without control characters/],
    [`drop a:1 -> b:2 # ${'x'.repeat(501)}`, 17, /at most 500 characters/],
    ['drop a:1 -> b:2\nreject', 13, /"2\\nreject" is not a port/],
  ]
  for (const [text, column, message] of refusals) {
    t.match(parseRule(text), { ok: false, column, message }, JSON.stringify(text))
  }
})

await t.test('the two sides can be read alone', async t => {
  const sides = parseSides('web:* -> db:5432')
  t.equal(sides.ok && formatSides(sides), 'web:* -> db:5432')
  t.match(parseSides('web:* -> db:5432 replies'), {
    ok: false,
    column: 18,
    message: /expected nothing behind FROM -> TO, not "replies"/,
  })
  t.match(parseSides('web:* db:5432'), { ok: false, column: 7 })
  t.match(parseSides(''), { ok: false, column: 1 })
})

await t.test('words that are not in the tables are not actions and types', async t => {
  t.equal(parseAction('drop'), 'drop')
  t.equal(parseAction('allow'), undefined)
  t.equal(parseAction('toString'), undefined)
  t.equal(parseRuleType('any'), 'any')
  t.equal(parseRuleType(''), undefined)
})

await t.test('no text at all makes the parser throw', async () => {
  const word = fc.constantFrom('accept', 'drop', 'a:1', '->', 'type', 'any', 'replies', '#', 'x')
  const line = fc.array(word).map(words => words.join(' '))
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary' }), line), text => {
      const parsed = parseRule(text)
      return parsed.ok || (parsed.column >= 1 && parsed.column <= text.length + 1)
    }),
    { numRuns: 5_000 },
  )
})
