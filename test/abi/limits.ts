import t from 'tap'
import fc from 'fast-check'
import * as limits from '../../src/abi/limits.js'

await t.test('the constants are those of Argo', async t => {
  t.equal(limits.SLOT_BYTES, 16)
  t.equal(limits.MESSAGE_HEADER_BYTES, 16)
  t.equal(limits.RING_BYTES_MIN, 48)
  t.equal(limits.RING_BYTES_MAX, 0xffffc0)
  t.equal(limits.MESSAGE_BYTES_MAX, 0xffffc0 - 32)
  t.equal(limits.IOVS_MAX, 8)
  t.equal(limits.NOTIFY_ENTRIES_MAX, 256)
  t.equal(limits.FRAME_BYTES_MAX, 16_777_168)
})

await t.test('every default limit is a whole number above 0', async t => {
  for (const [name, value] of Object.entries(limits.defaultLimits)) {
    t.ok(Number.isSafeInteger(value) && value > 0, name)
  }
})

await t.test('roundUpToSlot gives the next multiple of 16', async t => {
  for (const [bytes, rounded] of [
    [0, 0],
    [1, 16],
    [15, 16],
    [16, 16],
    [17, 32],
  ] as const) {
    t.equal(limits.roundUpToSlot(bytes), rounded, String(bytes))
  }
  fc.assert(
    fc.property(fc.nat(limits.FRAME_BYTES_MAX), bytes => {
      const rounded = limits.roundUpToSlot(bytes)
      return rounded % 16 === 0 && rounded >= bytes && rounded - bytes < 16
    }),
  )
})
