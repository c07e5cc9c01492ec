import fc from 'fast-check'
import t from 'tap'
import type { Rule } from '../../../src/policy/rule.js'
import { changeOf, isSame, PIECE_RULES_MAX } from '../../../src/control/policy/policy-pieces.js'
import { testRule } from '../../store/fixtures/rules.js'

const anyRules = fc
  .uniqueArray(fc.nat({ max: 12 }), { maxLength: 12 })
  .chain(ids =>
    fc.tuple(
      ...ids.map(id =>
        fc.constantFrom<Rule[]>(
          { ...testRule, id: `r${id}` },
          { ...testRule, id: `r${id}`, comment: 'other' },
          { ...testRule, id: `r${id}`, action: 'audit' },
        ),
      ),
    ),
  )

/** What the other side makes of it. */
function rebuilt(before: readonly Rule[], after: readonly Rule[]): Rule[] {
  return changeOf(before, after).stretches.flatMap(stretch =>
    stretch.kind === 'kept'
      ? before.slice(stretch.from, stretch.from + stretch.count)
      : [...stretch.rules],
  )
}

void t.test('the new table comes out of the old one, whatever became of the rules', t => {
  fc.assert(
    fc.property(anyRules, anyRules, (before, after) => {
      t.strictSame(rebuilt(before, after), after)
      const { gone, turned, added, changed } = changeOf(before, after)
      const ids = new Set(after.map(rule => rule.id))
      t.strictSame(
        gone.map(({ id }) => id).toSorted(),
        before
          .map(rule => rule.id)
          .filter(id => !ids.has(id))
          .toSorted(),
      )
      t.equal(before.length - gone.length + added, after.length)
      t.ok(turned.length <= changed)
    }),
    { numRuns: 300 },
  )
  t.end()
})

void t.test('what stays does not travel, and what travels comes in pieces', t => {
  const many = Array.from({ length: 1_000 }, (_, i): Rule => ({ ...testRule, id: `r${i}` }))
  t.same(changeOf(many, structuredClone(many)).stretches, [{ kind: 'kept', from: 0, count: 1_000 }])
  const inserted = many.toSpliced(500, 0, { ...testRule, id: 'new' })
  t.equal(changeOf(many, inserted).stretches.length, 3)
  const fresh = changeOf([], many).stretches
  t.equal(fresh.length, 1_000 / PIECE_RULES_MAX)
  t.end()
})

void t.test('plain values are the same when all of their fields are', t => {
  t.ok(isSame({ a: [1, { b: null }] }, { a: [1, { b: null }] }))
  t.ok(isSame({ a: 1 }, { a: 1, b: undefined }))
  t.ok(isSame({ a: 1, b: undefined }, { a: 1 }))
  for (const [a, b] of [
    [{ a: 1 }, { a: 2 }],
    [{ a: 1 }, { b: 1 }],
    [{ a: 1 }, { a: 1, b: 1 }],
    [[1], [1, 2]],
    [null, {}],
    ['1', 1],
    [[], {}],
    [{ a: 1 }, { a: undefined }],
  ]) {
    t.notOk(isSame(a, b))
    t.notOk(isSame(b, a))
  }
  t.end()
})
