import { createHash } from 'node:crypto'
import Sqlite from 'better-sqlite3'
import fc from 'fast-check'
import t from 'tap'
import { ACTIONS, RULE_TYPES, type RuleBody } from '../../src/policy/rule.js'
import type { Selector } from '../../src/policy/selector.js'
import type { RuleStore } from '../../src/store/rule-store.js'
import { openStore } from '../../src/store/store.js'
import { openTestStore, testRandom } from './fixtures/open-test-store.js'
import { fill, selector, testChange, testRule } from './fixtures/rules.js'

function idsOf(rules: RuleStore): string {
  return rules
    .load()
    .rules.map(rule => rule.id)
    .join(' ')
}

await t.test('a new store has no rules, which is revision 0', async t => {
  const { store } = openTestStore(t)
  t.same(store.rules.load(), { revision: 0, rules: [] })
  t.equal(store.rules.currentRevision(), 0)
  t.same(store.rules.history(10), [])
  t.equal(store.rules.revision(0), undefined)
})

await t.test('a rule is inserted at the end or where it should be', async t => {
  const { store, clock } = openTestStore(t)
  t.same(store.rules.insert(testRule, undefined, testChange), { ok: true, revision: 1, id: 'r1' })
  t.same(store.rules.insert({ ...testRule, id: 'first' }, 1, testChange), {
    ok: true,
    revision: 2,
    id: 'first',
  })
  store.rules.insert({ ...testRule, id: 'middle' }, 2, testChange)
  store.rules.insert({ ...testRule, id: 'last' }, 4, testChange)
  t.equal(idsOf(store.rules), 'first middle r1 last')
  t.same(store.rules.load().rules[2], { ...testRule, id: 'r1', createdAt: clock.time })
  t.equal(store.rules.load().revision, 4)
})

await t.test('an insert that can not be is refused and changes nothing', async t => {
  const { store } = openTestStore(t, { rulesMax: 3 })
  fill(store.rules, 'a b')
  const insert = (rule: object, position?: number) =>
    store.rules.insert({ ...testRule, ...rule }, position, testChange)
  t.same(insert({ id: 'a' }), {
    ok: false,
    code: 'EEXIST',
    message: 'two rules can\'t both be called "a"',
  })
  for (const position of [0, 4, -1, 1.5, NaN]) {
    t.same(insert({}, position), {
      ok: false,
      code: 'EINVAL',
      message: `there is no position ${position}: it is a number from 1 to 3`,
    })
  }
  const ports = { min: 80, max: 80 }
  const wrong = [
    { id: 'Not An Id' },
    { id: 'default' },
    { id: '' },
    { id: 'r1000000000000000' },
    { action: 'drop' as const },
    { comment: 'two\nlines' },
    { source: { kind: 'name', name: '7', ports } },
    { source: { kind: 'name', name: '*', ports } },
    { source: { kind: 'name', name: 'tag:db', ports } },
    { destination: { kind: 'tag', tag: 'a:b', ports } },
    { destination: { kind: 'any', ports: { min: 9, max: 8 } } },
    { destination: { kind: 'any', ports: { min: 0.5, max: 0.5 } } },
  ]
  for (const rule of wrong)
    t.match(insert(rule), { ok: false, code: 'EINVAL' }, JSON.stringify(rule))
  t.equal(store.rules.currentRevision(), 1)
  t.match(insert({}), { ok: true, id: 'r1', revision: 2 })
  t.same(insert({}), { ok: false, code: 'ENOSPC', message: '4 rules are more than the limit of 3' })
  t.equal(idsOf(store.rules), 'a b r1')
})

await t.test('ids that are not given count up and never come back', async t => {
  const { store } = openTestStore(t)
  const add = () => store.rules.insert(testRule, undefined, testChange)
  add()
  add()
  store.rules.remove('r2', testChange)
  t.match(add(), { id: 'r3' })
  store.rules.flush(testChange)
  t.match(add(), { id: 'r4' })
  store.rules.insert({ ...testRule, id: 'r9' }, undefined, testChange)
  store.rules.remove('r9', testChange)
  t.match(add(), { id: 'r10' })
  store.rules.replaceAll(
    [testRule, { ...testRule, id: 'r20' }, testRule, { ...testRule, id: 'r5' }],
    testChange,
  )
  t.equal(idsOf(store.rules), 'r21 r20 r22 r5')
  t.match(add(), { id: 'r23' })
  store.rules.insert({ ...testRule, id: 'r999999999999999' }, undefined, testChange)
  t.match(add(), { ok: false, code: 'EINVAL', message: /is too high: choose another/ })
})

await t.test('a rule can be changed field by field, its id and place stay', async t => {
  const { store, clock } = openTestStore(t)
  fill(store.rules, 'a b c')
  const createdAt = clock.time
  clock.time += 1000
  t.same(store.rules.update('b', { comment: 'new' }, testChange), {
    ok: true,
    revision: 2,
    id: 'b',
  })
  const patch = {
    action: 'drop',
    source: selector('*:*'),
    destination: selector('web:80'),
    type: 'stream',
    replies: false,
  } as const
  store.rules.update('b', patch, testChange)
  t.same(store.rules.load().rules[1], { ...patch, comment: 'new', id: 'b', createdAt })
  t.equal(idsOf(store.rules), 'a b c')
  t.match(store.rules.update('b', { replies: true }, testChange), { ok: false, code: 'EINVAL' })
  t.same(store.rules.update('d', {}, testChange), {
    ok: false,
    code: 'ENOENT',
    message: 'there is no rule "d"',
  })
  t.equal(store.rules.currentRevision(), 3)
})

await t.test('a rule can be removed and moved, the others keep their order', async t => {
  const { store } = openTestStore(t)
  fill(store.rules, 'a b c d e')
  const moves = [
    ['a', 5, 'b c d e a'],
    ['a', 1, 'a b c d e'],
    ['b', 4, 'a c d b e'],
    ['b', 2, 'a b c d e'],
    ['c', 3, 'a b c d e'],
  ] as const
  for (const [id, position, order] of moves) {
    t.match(store.rules.move(id, position, testChange), { ok: true, id })
    t.equal(idsOf(store.rules), order, `${id} to ${position}`)
  }
  t.match(store.rules.remove('c', testChange), { ok: true, id: 'c', revision: 7 })
  t.equal(idsOf(store.rules), 'a b d e')
  t.match(store.rules.move('e', 2, testChange), { ok: true })
  t.equal(idsOf(store.rules), 'a e b d')
  for (const position of [0, 5]) {
    t.match(store.rules.move('a', position, testChange), { ok: false, code: 'EINVAL' })
  }
  t.match(store.rules.move('c', 1, testChange), { ok: false, code: 'ENOENT' })
  t.match(store.rules.remove('c', testChange), { ok: false, code: 'ENOENT' })
  t.equal(store.rules.currentRevision(), 8)
})

await t.test('all rules are replaced at once or not at all', async t => {
  const { store, clock } = openTestStore(t, { rulesMax: 3 })
  fill(store.rules, 'a b')
  const before = store.rules.load()
  const replace = (...ids: string[]) =>
    store.rules.replaceAll(
      ids.map(id => ({ ...testRule, id })),
      testChange,
    )
  t.match(replace('c', 'd', 'c'), { ok: false, code: 'EEXIST' })
  t.match(replace('c', 'no id'), { ok: false, code: 'EINVAL', message: /^rule 2: a rule's id is/ })
  t.match(replace('c', 'd', 'e', 'f'), { ok: false, code: 'ENOSPC' })
  t.same(store.rules.load(), before)
  const createdAt = clock.time
  clock.time += 1000
  t.same(replace('c', 'a'), { ok: true, revision: 2 })
  t.match(store.rules.load().rules, [
    { id: 'c', createdAt: clock.time },
    { id: 'a', createdAt },
  ])
  t.same(store.rules.flush(testChange), { ok: true, revision: 3 })
  t.same(store.rules.load(), { revision: 3, rules: [] })
})

await t.test('who changes what someone else changed meanwhile is told so', async t => {
  const { store } = openTestStore(t)
  fill(store.rules, 'a b')
  const stale = { ...testChange, ifRevision: 0 }
  const refused = {
    ok: false,
    code: 'ESTALE',
    message: 'the policy is at revision 1, no longer at 0',
  }
  t.same(store.rules.insert(testRule, 1, stale), refused)
  t.same(store.rules.update('a', {}, stale), refused)
  t.same(store.rules.remove('a', stale), refused)
  t.same(store.rules.move('a', 2, stale), refused)
  t.same(store.rules.replaceAll([], stale), refused)
  t.same(store.rules.flush(stale), refused)
  t.equal(idsOf(store.rules), 'a b')
  t.match(store.rules.move('a', 2, { ...testChange, ifRevision: 1 }), { ok: true, revision: 2 })
})

await t.test('every change is kept as a revision with its author, reason and rules', async t => {
  const { store, clock } = openTestStore(t)
  store.rules.insert(testRule, 1, { author: 'admin', reason: 'first' })
  const first = store.rules.load()
  clock.time += 1000
  store.rules.remove('r1', { author: 'bert', reason: 'undo' })
  const [second, info, ...rest] = store.rules.history(10)
  const emptyHash = createHash('sha256').update('[]').digest('hex')
  const at = clock.time
  t.same(second, { revision: 2, at, author: 'bert', reason: 'undo', hash: emptyHash })
  t.match(info, { revision: 1, at: at - 1000, author: 'admin', reason: 'first' })
  t.same(rest, [])
  t.same(store.rules.revision(1), { ...info, rules: first.rules })
  t.same(store.rules.revision(2), { ...second, rules: [] })
  t.equal(store.rules.revision(3), undefined)
  t.same(store.rules.history(1), [second])
  t.same(store.rules.history(1, 2), [info])
})

await t.test('the newest 200 revisions are kept', async t => {
  const { store } = openTestStore(t)
  store.transaction(() => {
    for (let i = 0; i < 250; i++) store.rules.insert(testRule, 1, testChange)
  })
  const kept = store.rules.history(1000).map(info => info.revision)
  t.equal(kept.length, 200)
  t.equal(kept[0], 250)
  t.equal(kept.at(-1), 51)
  t.equal(store.rules.revision(51)?.rules.length, 51)
  t.equal(store.rules.revision(50), undefined)
  t.equal(store.rules.currentRevision(), 250)
})

await t.test('the rule lists kept are bounded in bytes, the newest is always kept', async t => {
  const { store } = openTestStore(t, { revisionBytesMax: 2000 })
  const kept = () => store.rules.history(100).map(info => info.revision)
  for (let i = 0; i < 20; i++) store.rules.flush(testChange)
  t.equal(kept().length, 20)
  const rules = Array.from({ length: 5 }, () => ({ ...testRule, comment: 'x'.repeat(100) }))
  store.rules.replaceAll(rules, testChange)
  t.equal(kept().length, 21)
  store.rules.replaceAll(rules, testChange)
  t.same(kept(), [22])
  store.rules.replaceAll([...rules, ...rules], testChange)
  t.same(kept(), [23])
  t.equal(store.rules.load().rules.length, 10)
})

await t.test('rules that are not what was acknowledged are never handed out', async t => {
  const cases = [
    [
      "UPDATE rules SET destination = '*:*' WHERE id = 'b'",
      /the rules are not those of revision 1/,
    ],
    ['UPDATE rules SET position = 4 - position', /the rules are not those of revision 1/],
    ["DELETE FROM rules WHERE id = 'a'", /the rules are not those of revision 1/],
    ['UPDATE revisions SET hash = zeroblob(32)', /the rules are not those of revision 1/],
    ['DELETE FROM revisions', /the rules are not those of revision 0/],
  ] as const
  for (const [sql, message] of cases) {
    const { store, path } = openTestStore(t)
    fill(store.rules, 'a b c')
    store.close()
    const sqlite = new Sqlite(path)
    sqlite.exec(sql)
    sqlite.close()
    const again = openStore(path, { now: () => 0, ...testRandom })
    t.throws(() => again.rules.load(), { name: 'StoreError', failure: 'corrupt', message }, sql)
    again.close()
  }
})

await t.test(
  'a revision that was changed, or that says what is not understood, is refused',
  async t => {
    const { store, path } = openTestStore(t)
    fill(store.rules, 'a')
    store.rules.flush(testChange)
    store.close()
    const tamper = (rules: string, fits: boolean): void => {
      const sqlite = new Sqlite(path)
      const hash = createHash('sha256')
        .update(fits ? rules : '')
        .digest()
      sqlite.prepare('UPDATE revisions SET rules = ?, hash = ? WHERE revision = 1').run(rules, hash)
      sqlite.close()
    }
    const row = { id: 'a', action: 'accept', source: '*:*', destination: '*:*', type: 'any' }
    const rest = { replies: 0, comment: '', createdAt: 0 }
    const text = (change: object): string => JSON.stringify([{ ...row, ...rest, ...change }])
    const read = () => {
      const again = openStore(path, { now: () => 0, ...testRandom })
      try {
        return again.rules.revision(1)?.rules.length
      } finally {
        again.close()
      }
    }
    tamper(text({}), true)
    t.equal(read(), 1)
    tamper(text({}), false)
    t.throws(read, { name: 'StoreError', message: /the rules of revision 1 do not fit its hash/ })
    const unknown = [
      { action: 'ask' },
      { type: 'raw' },
      { source: 'web' },
      { destination: '@set:80' },
    ]
    for (const change of unknown) {
      tamper(text(change), true)
      t.throws(read, { name: 'StoreError', failure: 'corrupt', message: /rule "a" can't be read/ })
    }
  },
)

const port = fc.integer({ min: 0, max: 0xfffffffe })
const ports = fc.tuple(port, port).map(([a, b]) => ({ min: Math.min(a, b), max: Math.max(a, b) }))
const label = fc.stringMatching(/^[a-z][a-z0-9._-]{0,20}$/).filter(text => text !== 'tag')
const anySelector: fc.Arbitrary<Selector> = fc.oneof(
  fc.record({ kind: fc.constant('name' as const), name: label, ports }),
  fc.record({ kind: fc.constant('tag' as const), tag: label, ports }),
  fc.record({ kind: fc.constant('any' as const), ports }),
)
const anyRule: fc.Arbitrary<RuleBody> = fc
  .record({
    action: fc.constantFrom(...ACTIONS),
    source: anySelector,
    destination: anySelector,
    type: fc.constantFrom(...RULE_TYPES),
    replies: fc.boolean(),
    comment: fc.stringMatching(/^[a-z"'\\#ßñ\u{1f5a5}]{0,10}$/u),
  })
  .map(rule => ({ ...rule, replies: rule.replies && rule.action === 'accept' }))

await t.test('rules read back as they were written', async t => {
  const { store, clock } = openTestStore(t)
  fc.assert(
    fc.property(fc.array(anyRule, { maxLength: 20 }), rules => {
      const createdAt = clock.time
      const named = rules.map((rule, index) => ({ ...rule, id: `id${index}`, createdAt }))
      const written = store.rules.replaceAll(named, testChange)
      const { revision, rules: read } = store.rules.load()
      const kept = store.rules.revision(revision)?.rules
      t.matchOnly(written, { ok: true, revision })
      return (
        JSON.stringify(read.map(sorted)) === JSON.stringify(named.map(sorted)) &&
        JSON.stringify(kept) === JSON.stringify(read)
      )
    }),
    { numRuns: 100 },
  )
})

/** The same object with its keys in order, so that equal ones have equal JSON. */
function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, each]) => [key, sorted(each)]),
  )
}

type Edit = readonly ['insert' | 'remove' | 'move' | 'update', number, number]

await t.test('any series of edits leaves what the same edits leave of an array', async t => {
  const { store } = openTestStore(t)
  const edit: fc.Arbitrary<Edit> = fc.tuple(
    fc.constantFrom('insert', 'insert', 'remove', 'move', 'update'),
    fc.nat(20),
    fc.nat(20),
  )
  fc.assert(
    fc.property(fc.array(edit, { maxLength: 30 }), edits => {
      store.rules.flush(testChange)
      const model: { id: string; comment: string }[] = []
      store.transaction(() => {
        for (const each of edits) apply(store.rules, model, each)
      })
      const read = store.rules.load().rules.map(({ id, comment }) => ({ id, comment }))
      return JSON.stringify(read) === JSON.stringify(model)
    }),
    { numRuns: 100 },
  )
})

function apply(rules: RuleStore, model: { id: string; comment: string }[], edit: Edit): void {
  const [what, a, b] = edit
  const comment = `${a}`
  if (what === 'insert' || model.length === 0) {
    const position = (a % (model.length + 1)) + 1
    const result = rules.insert({ ...testRule, comment }, position, testChange)
    if (!result.ok) throw new Error(result.message)
    model.splice(position - 1, 0, { id: result.id, comment })
    return
  }
  const index = a % model.length
  const { id } = model[index]!
  if (what === 'remove') {
    rules.remove(id, testChange)
    model.splice(index, 1)
  } else if (what === 'move') {
    const position = (b % model.length) + 1
    rules.move(id, position, testChange)
    model.splice(position - 1, 0, ...model.splice(index, 1))
  } else {
    rules.update(id, { comment }, testChange)
    model[index] = { id, comment }
  }
}
