import { deepStrictEqual as deepEqual } from 'node:assert'
import fc from 'fast-check'
import t from 'tap'
import * as frame from '../../src/abi/index.js'
import { FRAME } from '../../src/abi/frame.js'
import { FRAME_HEADER_BYTES } from '../../src/abi/limits.js'
import { frameExamples } from '../fixtures/frame-examples.js'
import { u8, u16, u32, placed } from './fixtures/frames.js'

await t.test('every frame type has a number of its own', async t => {
  const numbers = Object.values(FRAME)
  t.equal(new Set(numbers).size, numbers.length)
  for (const [name, bytes] of Object.entries(frameExamples)) {
    t.equal(bytes[4], FRAME[name as keyof typeof FRAME], name)
  }
  t.same(Object.keys(frameExamples).sort(), Object.keys(FRAME).sort())
})

await t.test('a header is read as it was written', async t => {
  fc.assert(
    fc.property(u32, u8, u8, u16, u32, u32, (length, type, flags, x, y, z) => {
      const { source, at } = placed(new Uint8Array(FRAME_HEADER_BYTES))
      const { view } = source
      frame.writeHeader(view, at, length, type, flags, x, y, z)
      deepEqual(
        [
          frame.frameLength(view, at),
          frame.frameType(view, at),
          frame.frameFlags(view, at),
          frame.frameX(view, at),
          frame.frameY(view, at),
          frame.frameZ(view, at),
        ],
        [length, type, flags, x, y, z],
      )
    }),
  )
  t.pass('100 headers')
})

await t.test('a count of up to 2^53 is read as it was written', async t => {
  const view = new DataView(new ArrayBuffer(8))
  for (const value of [0, 0xffffffff, 0x100000000, Number.MAX_SAFE_INTEGER]) {
    frame.writeU64(view, 0, value)
    t.equal(frame.readU64(view, 0), value)
  }
  view.setBigUint64(0, 0xffffffffffffffffn, true)
  t.notOk(Number.isSafeInteger(frame.readU64(view, 0)), 'a larger one is seen to be too large')
})
