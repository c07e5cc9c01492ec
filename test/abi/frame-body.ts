import t from 'tap'
import * as frame from '../../src/abi/index.js'
import { frameBytes } from '../../src/abi/frame.js'
import { placed } from './fixtures/frames.js'

await t.test('a text keeps its byte order mark', async t => {
  const { source, at } = placed(frame.encodeTarget(0x8000, '\ufeffweb'))
  t.equal(frame.decodeName(source, at), '\ufeffweb')
})

await t.test('a text that is too long ends with a whole character', async t => {
  for (const [long, kept] of [
    ['x'.repeat(70_000), 'x'.repeat(0xffff)],
    ['é'.repeat(40_000), 'é'.repeat(0x7fff)],
    [`x${'😀'.repeat(20_000)}`, `x${'😀'.repeat(16_383)}`],
  ] as const) {
    t.same(frame.decodeClosing(frameBytes(frame.encodeClosing({ errno: 5, reason: long })), 0), {
      errno: 5,
      reason: kept,
    })
  }
})

await t.test('a text that is not UTF-8 is refused', async t => {
  const broken = frameBytes(frame.encodeTarget(0x8000, 'web'))
  broken.bytes[18] = 0xff
  t.equal(frame.decodeName(broken, 0), undefined)
})
