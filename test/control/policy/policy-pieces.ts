import fc from 'fast-check'
import t from 'tap'
import type { Rule } from '../../../src/policy/rule.js'
import {
  changeOf,
  isSame,
  PIECE_RULES_MAX,
  shifted,
} from '../../../src/control/policy/policy-pieces.js'
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
          { ...testRule, id: `r${id}`, place: { file: 'a.yaml', line: 7 } },
          { ...testRule, id: `r${id}`, place: { file: 'a.yaml', line: 9 } },
          { ...testRule, id: `r${id}`, place: { file: 'b.yaml', line: 9 } },
        ),
      ),
    ),
  )

/** What the other side makes of it. */
function rebuilt(before: readonly Rule[], after: readonly Rule[]): Rule[] {
  return changeOf(before, after).stretches.flatMap(stretch =>
    stretch.kind === 'kept'
      ? before
          .slice(stretch.from, stretch.from + stretch.count)
          .map(rule => (stretch.shift === undefined ? rule : shifted(rule, stretch.shift)))
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
  const on = (line: number): Rule[] =>
    many.map((rule, i) => ({ ...rule, place: { file: 'a.yaml', line: line + 3 * i } }))
  t.match(changeOf(on(1), on(5)), {
    stretches: [{ kind: 'kept', from: 0, count: 1_000, shift: 4 }],
    changed: 0,
  })
  const fresh = changeOf([], many).stretches
  t.equal(fresh.length, 1_000 / PIECE_RULES_MAX)
  t.end()
})

void t.test('plain values are the same when all of their fields are', t => {
  t.ok(isSame({ a: [1, { b: null }] }, { a: [1, { b: null }] }))
  for (const [a, b] of [
    [{ a: 1 }, { a: 2 }],
    [{ a: 1 }, { b: 1 }],
    [{ a: 1 }, { a: 1, b: 1 }],
    [[1], [1, 2]],
    [null, {}],
    ['1', 1],
  ]) {
    t.notOk(isSame(a, b))
  }
  t.end()
})
