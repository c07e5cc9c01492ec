import fc from 'fast-check'
import t from 'tap'
import { LineList } from '../../src/policy/line-list.js'

await t.test('lines keep what ends them, and know their numbers', async t => {
  const lines = new LineList('one\r\ntwo\n\nfour')
  t.same(
    [0, 1, 2, 3, 4, 5].map(number => lines.at(number)?.text),
    [undefined, 'one\r\n', 'two\n', '\n', 'four', undefined],
  )
  t.equal(lines.at(4)!.number, 4)
  t.equal(lines.text(), 'one\r\ntwo\n\nfour')
  t.equal(lines.text(lines.at(2), lines.at(4)), 'two\n\n')
  t.equal(new LineList('').text(), '')
})

await t.test('a line stays what it is when others come and go', async t => {
  const lines = new LineList('one\ntwo\nthree\n')
  const [two, three] = [lines.at(2)!, lines.at(3)!]
  lines.insert(lines.at(1)!, 'zero\n')
  lines.remove(two, three)
  t.same(
    lines.insert(lines.end, 'four\nfive').map(({ text }) => text),
    ['four\n', 'five'],
  )
  t.equal(lines.text(), 'zero\none\nthree\nfour\nfive')
  t.equal(three.number, 3)
  lines.count()
  t.equal(three.number, 3)
  t.equal(lines.at(1)!.number, 2)
  lines.remove(lines.end.after, lines.end)
  t.equal(lines.text(), '')
})

await t.test('whatever is spliced, the text is that of an array of lines', async () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom('a\n', 'b\n', '\n')),
      fc.array(fc.tuple(fc.nat(), fc.nat(), fc.array(fc.constantFrom('x\n', '\n')))),
      (first, splices) => {
        const lines = new LineList(first.join(''))
        const model: string[] = [...first]
        for (const [at, count, put] of splices) {
          const from = at % (model.length + 1)
          const gone = count % (model.length - from + 1)
          const nth = (n: number) => {
            let line = lines.end.after
            for (let i = 0; i < n; i++) line = line.after
            return line
          }
          const [start, end] = [nth(from), nth(from + gone)]
          if (gone > 0) lines.remove(start, end)
          lines.insert(end, put.join(''))
          model.splice(from, gone, ...put)
        }
        lines.count()
        return lines.text() === model.join('') && lines.end.before.number === model.length
      },
    ),
  )
})
