import fc from 'fast-check'
import t from 'tap'
import { MESSAGE_BYTES_MAX } from '../../src/abi/limits.js'
import { LineSplitter } from '../../src/cli/line-splitter.js'

function split(chunks: readonly Uint8Array[], keepNewline = false): string[] {
  const splitter = new LineSplitter(keepNewline)
  const lines = chunks.flatMap(chunk => [...splitter.push(chunk)])
  return [...lines, ...splitter.end()].map(line => Buffer.from(line).toString('latin1'))
}

await t.test('lines come without their newline, empty ones too', async t => {
  t.same(split([Buffer.from('a\n\nb\n')]), ['a', '', 'b'])
})

await t.test('a last line without newline is a line', async t => {
  t.same(split([Buffer.from('a\nb')]), ['a', 'b'])
})

await t.test('an empty stream has no line', async t => {
  t.same(split([]), [])
})

await t.test('lines can keep the newline that ends them', async t => {
  t.same(split([Buffer.from('a\n\nb')], true), ['a\n', '\n', 'b'])
})

await t.test('however the stream is cut, the lines are the same', async t => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(10, 13, 65, 255), { maxLength: 60 }),
      fc.array(fc.nat(60)),
      fc.boolean(),
      (bytes, cuts, keepNewline) => {
        const all = Uint8Array.from(bytes)
        const edges = [0, ...cuts.filter(cut => cut < all.length).sort((a, b) => a - b), all.length]
        const chunks = edges.slice(1).map((edge, i) => all.subarray(edges[i], edge))
        const text = Buffer.from(all).toString('latin1')
        const lines = text.split(/(?<=\n)/).filter(line => line !== '')
        t.same(
          split(chunks, keepNewline),
          keepNewline ? lines : lines.map(line => line.replace(/\n$/, '')),
        )
      },
    ),
    { numRuns: 300 },
  )
})

await t.test('a line that no datagram can hold is refused before more of it is kept', async t => {
  const splitter = new LineSplitter()
  t.same([...splitter.push(Buffer.from('short\n'))].length, 1)
  const chunk = new Uint8Array(1024 * 1024).fill(65)
  t.throws(
    () => {
      for (let bytes = 0; bytes <= MESSAGE_BYTES_MAX + chunk.length; bytes += chunk.length) {
        t.same([...splitter.push(chunk)], [])
      }
    },
    { message: /^line 2 is longer than 16777120 bytes/ },
  )
})
