import fc from 'fast-check'
import t from 'tap'
import { WordList } from '../../src/policy/word-list.js'

await t.test('words come back as they were put in, however many', async t => {
  const word = fc.nat({ max: 0xffffffff })
  const parts = fc.array(fc.array(word, { maxLength: 900 }), { maxLength: 8 })
  fc.assert(
    fc.property(parts, some => {
      const list = new WordList()
      for (const [first, ...rest] of some) {
        if (first === undefined) continue
        list.push(first)
        list.append(rest)
      }
      t.same([...list.toArray()], some.flat())
      t.equal(list.length, some.flat().length)
    }),
    { numRuns: 50 },
  )
})
