import t from 'tap'
import { SmallFrames } from '../../src/transport/small-frames.js'

await t.test('what is put one behind the other is cut where it is asked to be', t => {
  const small = new SmallFrames()
  small.begin(false)
  const chunks: Uint8Array[] = []
  small.cut(chunks)
  t.same(chunks, [], 'nothing is no piece')
  for (const value of [1, 2]) small.bytes.fill(value, small.room(16), value * 16)
  small.cut(chunks)
  small.view.setUint8(small.room(16), 3)
  small.cut(chunks)
  small.cut(chunks)
  t.same(
    chunks.map(chunk => [chunk.length, chunk[0], chunk.at(-1)]),
    [
      [32, 1, 2],
      [16, 3, 0],
    ],
  )
  t.end()
})

await t.test('there is room up to a bound, and again with the next write', t => {
  const small = new SmallFrames()
  let places = 0
  while (small.room(16) >= 0) places++
  t.ok(places > 10 && places < 1000)
  t.equal(small.room(16), -1)
  const { bytes } = small
  small.begin(false)
  t.equal(small.room(16), 0)
  t.equal(small.bytes, bytes, 'in the same memory')
  small.begin(true)
  t.not(small.bytes, bytes, 'unless that is still being written')
  t.end()
})
