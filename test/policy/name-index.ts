import fc from 'fast-check'
import t from 'tap'
import { indexNames, NameIndex, slotsFor } from '../../src/policy/name-index.js'

await t.test('names and numbers are found by each other, and other names are not', async () => {
  const lists = fc.uniqueArray(fc.string({ unit: 'binary', maxLength: 4 }), { maxLength: 200 })
  fc.assert(
    fc.property(lists, fc.string({ maxLength: 3 }), (names, other) => {
      const index = new NameIndex(structuredClone(indexNames(names)))
      return (
        names.every((name, i) => index.find(name) === i && index.nameAt(i) === name) &&
        index.find(other) === names.indexOf(other)
      )
    }),
  )
})

await t.test('half of the slots are free', async t => {
  t.same([0, 1, 2, 3, 5_000].map(slotsFor), [2, 2, 4, 8, 16_384])
})
