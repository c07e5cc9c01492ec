import t from 'tap'
import { encodeNotify, encodeTarget } from '../../src/abi/control-frame.js'
import { frameBytes } from '../../src/abi/frame.js'
import { PrivateCopy } from '../../src/transport/private-copy.js'

await t.test('a copy stays as it was when the frame changes', async t => {
  const copies = new PrivateCopy()
  const frame = encodeTarget(0x8000, 'web')
  const source = frameBytes(new Uint8Array(100).fill(0xee))
  source.bytes.set(frame, 32)
  const copy = copies.of(source, 32, frame.length)
  source.bytes.fill(0)
  t.same(copy.bytes.subarray(0, frame.length), frame)
})

await t.test('its length is what was checked, whatever the frame says meanwhile', async t => {
  const copies = new PrivateCopy()
  for (const bytes of [16, 4096, 10_000]) {
    const source = frameBytes(new Uint8Array(bytes).fill(0xff))
    const copy = copies.of(source, 0, bytes)
    t.equal(copy.view.getUint32(0, true), bytes)
    t.equal(copy.bytes[4], 0xff)
    t.not(copy.bytes.buffer, source.bytes.buffer)
  }
})

await t.test('the longest of the usual frames takes no memory of its own', async t => {
  const copies = new PrivateCopy()
  const entry = { target: 1, port: 1, spaceRequired: 0, wantRing: false }
  const frame = encodeNotify(
    1,
    0,
    Array.from({ length: 256 }, () => entry),
  )
  const first = copies.of(frameBytes(frame), 0, frame.length)
  t.equal(copies.of(frameBytes(frame), 0, frame.length).bytes, first.bytes)
})
