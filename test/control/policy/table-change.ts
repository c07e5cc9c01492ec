import fc from 'fast-check'
import t from 'tap'
import type { Rule } from '../../../src/policy/rule.js'
import { changeOf, isSame, turnsOf } from '../../../src/control/policy/table-change.js'
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

/** A rule as it is on whatever line of its file. */
function lineless(rule: Rule): object {
  return { ...rule, place: rule.place?.file }
}

void t.test('what is gone, new, other or turned is found, whatever became of the rules', t => {
  fc.assert(
    fc.property(anyRules, anyRules, (before, after) => {
      const change = changeOf(before, after)
      const { gone, added, changed } = change
      t.equal(change.isNone, isSame(before.map(lineless), after.map(lineless)))
      const now = new Map(after.map(rule => [rule.id, rule]))
      const staying = before.filter(({ id }) => now.has(id))
      t.strictSame(
        [...gone].map(index => before[index]),
        before.filter(({ id }) => !now.has(id)),
      )
      t.equal(before.length - gone.length + added, after.length)
      t.equal(
        changed,
        staying.filter(rule => !isSame(lineless(rule), lineless(now.get(rule.id)!))).length,
      )
      t.strictSame(
        [...turnsOf(change)]
          .toSorted((a, b) => a.index - b.index)
          .map(({ index, from, to }) => [before[index]!.id, from, to]),
        staying
          .filter(({ id, action }) => now.get(id)!.action !== action)
          .map(({ id, action }) => [id, action, now.get(id)!.action]),
      )
    }),
    { numRuns: 300 },
  )
  t.end()
})

void t.test('an edit that leaves the others untouched, or copies of them, changes one', t => {
  const many = Array.from({ length: 1_000 }, (_, i): Rule => ({ ...testRule, id: `r${i}` }))
  const inserted = many.toSpliced(500, 0, { ...testRule, id: 'new' })
  for (const after of [inserted, structuredClone(inserted)]) {
    const { gone, turned, added, changed } = changeOf(many, after)
    t.same([gone.length, turned.length, added, changed], [0, 0, 1, 0])
  }
  t.same([...changeOf(inserted, many).gone], [500])
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
