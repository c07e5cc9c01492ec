import t from 'tap'
import { parseRule } from '../../src/policy/rule-text.js'
import {
  ACTIONS,
  commentProblem,
  COMMENT_CHARS_MAX,
  defaultBurst,
  fieldProblem,
  lets,
  matches,
  repliesProblem,
  ruleIdProblem,
  ruleProblem,
  type Rule,
} from '../../src/policy/rule.js'
import { EVERYWHERE } from '../../src/policy/scope.js'
import type { Subject } from '../../src/policy/subject.js'
import { TIME_MS_MAX } from '../../src/policy/time-text.js'
import type { Tuple } from '../../src/policy/tuple.js'

const web = { name: 'web', tags: ['front'] }
const db = { name: 'db', tags: ['back'] }
const control = { name: 'control', tags: ['back'] }

function rule(text: string): Rule {
  const parsed = parseRule(text)
  if (!parsed.ok) throw new Error(parsed.message)
  return { id: 'r', ...parsed.rule }
}

function tuple(
  source: Subject,
  sourcePort: number,
  destination: Subject,
  destinationPort: number,
  type: Tuple['type'] = 'dgram',
): Tuple {
  return { source, sourcePort, destination, destinationPort, type }
}

await t.test('a rule matches when both sides and the type do', async t => {
  const subject = rule('accept web:* -> tag:back:5432 type dgram')
  t.equal(matches(subject, tuple(web, 7, db, 5432)), true)
  t.equal(matches(subject, tuple(db, 7, db, 5432)), false, 'another source')
  t.equal(matches(subject, tuple(web, 7, web, 5432)), false, 'another destination')
  t.equal(matches(subject, tuple(web, 7, db, 5433)), false, 'another destination port')
  t.equal(matches(subject, tuple(web, 7, db, 5432, 'stream')), false, 'another type')
  t.equal(matches(rule('accept web:8 -> db:*'), tuple(web, 7, db, 1)), false, 'another source port')
})

await t.test('a rule of any type matches datagrams and streams', async t => {
  const subject = rule('reject web:* -> db:*')
  t.equal(matches(subject, tuple(web, 1, db, 1, 'dgram')), true)
  t.equal(matches(subject, tuple(web, 1, db, 1, 'stream')), true)
})

await t.test('without replies the way back is not matched', async t => {
  t.equal(matches(rule('accept web:* -> db:5432'), tuple(db, 5432, web, 7)), false)
})

await t.test('with replies the way back is matched with ports swapped', async t => {
  const subject = rule('accept web:1000-1999 -> db:5432 type dgram replies')
  t.equal(matches(subject, tuple(web, 1000, db, 5432)), true)
  t.equal(matches(subject, tuple(db, 5432, web, 1999)), true)
  t.equal(matches(subject, tuple(db, 1000, web, 5432)), false, 'ports not swapped')
  t.equal(matches(subject, tuple(db, 5433, web, 1000)), false, 'from another port')
  t.equal(matches(subject, tuple(db, 5432, web, 1000, 'stream')), false, 'another type')
})

await t.test('the control domain is matched only by name, also on the way back', async t => {
  t.equal(matches(rule('accept *:* -> *:* replies'), tuple(web, 1, control, 1)), false)
  t.equal(matches(rule('accept *:* -> *:* replies'), tuple(control, 1, web, 1)), false)
  t.equal(matches(rule('accept *:* -> tag:back:*'), tuple(web, 1, control, 1)), false)
  t.equal(matches(rule('accept *:* -> control:* replies'), tuple(web, 1, control, 1)), true)
  t.equal(matches(rule('accept *:* -> control:* replies'), tuple(control, 1, web, 1)), true)
  t.equal(matches(rule('accept control:* -> control:*'), tuple(control, 1, control, 1)), true)
})

await t.test('a rule is checked for what the types of its fields do not say', async t => {
  const good = rule('accept web:* -> db:5432 replies  # fine')
  t.equal(ruleProblem(good), undefined)
  t.match(ruleProblem({ ...good, id: 'Web to db' }), /a rule's id is 1 to 63 of .* not "Web to db"/)
  t.match(
    ruleProblem({ ...good, action: 'drop' }),
    /replies goes with accept, audit or ask: .* drop/,
  )
  t.match(ruleProblem({ ...good, comment: 'a\nb' }), /one line without control characters/)
})

await t.test('an id has the alphabet of a tag and does not stand for no rule', async t => {
  for (const id of ['a', '0', 'web-to-db', 'a.b_c-d', 'a'.repeat(63)]) {
    t.equal(ruleIdProblem(id), undefined, id)
  }
  for (const id of ['', '-a', 'A', 'a b', 'a/b', 'ä', 'a'.repeat(64), 'a\n']) {
    t.match(ruleIdProblem(id), /a rule's id is 1 to 63 of/, id)
  }
  t.match(ruleIdProblem('default'), /"default" is reserved/)
})

await t.test('replies go with what lets something through', async t => {
  for (const action of ACTIONS) {
    t.equal(repliesProblem(action, false), undefined)
    const problem = repliesProblem(action, true)
    t.equal(problem === undefined, lets(action), action)
    if (problem !== undefined) t.match(problem, /replies goes with accept, audit or ask/)
  }
  t.same(ACTIONS.filter(lets), ['accept', 'audit', 'ask'])
})

await t.test('a field that does not fit is named, with what it can be', async t => {
  const good = rule(
    'accept web:* -> db:5432 max_bytes 9 rate 10/s burst 5 flow_rate 1/m flow_burst 2 quota 5KiB/h log sample:3 expires 2026-11-20T12:00:00Z',
  )
  t.equal(fieldProblem(good), undefined)
  const rate = { count: 0, perSeconds: 1 } as const
  const wrong: [Partial<Rule>, string, RegExp][] = [
    [{ action: 'drop' }, 'maxBytes', /^max_bytes goes with accept, audit or ask: .* says drop/],
    [{ action: 'drop', replies: true }, 'replies', /^replies goes with/],
    [{ maxBytes: 1.5 }, 'maxBytes', /^max_bytes is a whole number from 0 to 16777\d\d\d, not 1.5/],
    [{ maxBytes: 2 ** 24 }, 'maxBytes', /not 16777216/],
    [{ rate }, 'rate', /^rate is 1 to 1000000000 datagrams .*, not 0/],
    [{ flowRate: rate }, 'flowRate', /^flow_rate is 1 to/],
    [{ rate: undefined }, 'burst', /^burst goes with rate: add it, such as 10\/s/],
    [{ flowRate: undefined }, 'flowBurst', /^flow_burst goes with flow_rate/],
    [{ burst: 0 }, 'burst', /^burst is a whole number from 1 to 1000000000, not 0/],
    [{ quota: { bytes: 0, perSeconds: 3600 } }, 'quota', /^quota is 1 to \d+ bytes in .*, not 0/],
    [{ quota: { bytes: 2 ** 51, perSeconds: 3600 } }, 'quota', /not 2251799813685248/],
    [{ log: { sample: 0 } }, 'log', /^the n of sample:n is a whole number from 1 to .* not 0/],
    [{ expires: -1 }, 'expires', /^expires is a time from 1970 to 9999, not -1 ms/],
    [{ expires: TIME_MS_MAX + 1 }, 'expires', /^expires is a time/],
  ]
  for (const [change, field, message] of wrong) {
    const problem = fieldProblem({ ...good, ...change })
    t.equal(problem?.field, field)
    t.match(problem?.message, message)
    t.equal(ruleProblem({ ...good, ...change }), problem?.message)
  }
})

await t.test('a rule that has expired matches nothing', async t => {
  const subject: Rule = { ...rule('accept web:* -> db:*'), expires: 1_000 }
  const at = (now: number): boolean =>
    matches(subject, tuple(web, 1, db, 1), { ...EVERYWHERE, now })
  t.same([at(-Infinity), at(999), at(1_000), at(1_001)], [true, true, false, false])
})

await t.test('a burst is what comes in one second, and at least one', async t => {
  t.equal(defaultBurst({ count: 1_000, perSeconds: 1 }), 1_000)
  t.equal(defaultBurst({ count: 90, perSeconds: 60 }), 2)
  t.equal(defaultBurst({ count: 5, perSeconds: 3600 }), 1)
})

await t.test('a comment is one bounded line that shows what it is', async t => {
  for (const comment of ['', 'the app may ask', '# twice', 'für Ä, 数据库, 🦀', 'a\u00a0b']) {
    t.equal(commentProblem(comment), undefined, comment)
  }
  t.equal(commentProblem('x'.repeat(COMMENT_CHARS_MAX)), undefined)
  t.match(commentProblem('x'.repeat(COMMENT_CHARS_MAX + 1)), /at most 500 characters, not 501/)
  for (const unfit of ['\n', '\r', '\t', '\u001b[2J', '\u0085', '\u2028', '\u202e', '\ud800']) {
    t.match(commentProblem(`a${unfit}b`), /one line without control characters/)
  }
  t.match(commentProblem(' a'), /starts and ends with something to see/)
  t.match(commentProblem('a '), /starts and ends with something to see/)
})
