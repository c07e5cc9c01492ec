import t from 'tap'
import { parseRule } from '../../src/policy/rule-text.js'
import {
  commentProblem,
  COMMENT_CHARS_MAX,
  matches,
  repliesProblem,
  ruleIdProblem,
  ruleProblem,
  type Rule,
} from '../../src/policy/rule.js'
import type { Subject } from '../../src/policy/subject.js'
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
  t.match(ruleProblem({ ...good, action: 'drop' }), /replies goes with accept only: .* drop/)
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

await t.test('replies go with accept and with nothing else', async t => {
  t.equal(repliesProblem('accept', true), undefined)
  t.equal(repliesProblem('reject', false), undefined)
  t.match(repliesProblem('reject', true), /replies goes with accept only/)
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
