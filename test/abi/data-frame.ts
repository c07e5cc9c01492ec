import fc from 'fast-check'
import t from 'tap'
import * as frame from '../../src/abi/index.js'
import { FRAME, frameBytes } from '../../src/abi/frame.js'
import { SEND_HEADER_BYTES } from '../../src/abi/limits.js'
import { u16, u32, u64, plain, roundTrip } from './fixtures/frames.js'

await t.test('SEND', async t => {
  const values = fc.record(
    {
      target: u16,
      port: u32,
      sourcePort: u32,
      firstSeq: u64,
      type: u32,
      count: u32,
      retry: fc.boolean(),
    },
    plain,
  )
  roundTrip(
    values,
    FRAME.SEND,
    send => {
      const bytes = new Uint8Array(SEND_HEADER_BYTES)
      frame.writeSendHeader(frameBytes(bytes).view, 0, bytes.length, send)
      return bytes
    },
    ({ view }, at) => ({
      target: frame.frameX(view, at),
      port: frame.frameY(view, at),
      sourcePort: frame.frameZ(view, at),
      firstSeq: frame.sendFirstSeq(view, at),
      type: frame.sendType(view, at),
      count: frame.sendCount(view, at),
      retry: frame.frameFlags(view, at) === frame.SEND_RETRY,
    }),
  )
  t.equal(frame.sendSlotsAt(100), 132)
})

await t.test('RING_DATA', async t => {
  const values = fc.record({ ring: u16, offset: u64, slots: fc.nat(9) }, plain)
  roundTrip(
    values,
    FRAME.RING_DATA,
    ({ ring, offset, slots }) => {
      const bytes = new Uint8Array(16 + 16 * slots)
      frame.writeRingDataHeader(frameBytes(bytes).view, 0, ring, offset, 16 * slots)
      return bytes
    },
    ({ view }, at) => ({
      ring: frame.frameX(view, at),
      offset: frame.ringOffset(view, at),
      slots: frame.frameLength(view, at) / 16 - 1,
    }),
  )
  t.pass('100 frames')
})

await t.test('RING_DATA whose bytes lie in shared memory', async t => {
  roundTrip(
    fc.record({ ring: u16, offset: u64, bytes: u32 }, plain),
    FRAME.RING_DATA,
    ({ ring, offset, bytes }) => {
      const made = new Uint8Array(frame.RING_DATA_IN_PLACE_BYTES).fill(0xee)
      frame.writeRingDataInPlace(frameBytes(made).view, 0, ring, offset, bytes)
      return made
    },
    ({ view }, at) => ({
      ring: frame.frameX(view, at),
      offset: frame.ringOffset(view, at),
      bytes: frame.frameFlags(view, at) === 1 ? frame.ringDataInPlaceBytes(view, at) : -1,
    }),
  )
  t.pass('100 frames')
})

await t.test('CONSUMED', async t => {
  roundTrip(
    fc.record({ ring: u16, offset: u64 }, plain),
    FRAME.CONSUMED,
    ({ ring, offset }) => {
      const bytes = new Uint8Array(16)
      frame.writeConsumed(frameBytes(bytes).view, 0, ring, offset)
      return bytes
    },
    ({ view }, at) => ({ ring: frame.frameX(view, at), offset: frame.ringOffset(view, at) }),
  )
  t.pass('100 frames')
})

await t.test('SENT', async t => {
  const failure = fc.record({ firstSeq: u64, count: u32, errno: u16, decisionId: u64 }, plain)
  roundTrip(
    fc.record({ upTo: u64, failures: fc.array(failure, { maxLength: 4 }) }, plain),
    FRAME.SENT,
    ({ upTo, failures }) => {
      const { bytes, view } = frameBytes(new Uint8Array(16 + 32 * failures.length).fill(0xee))
      frame.writeSentHeader(view, 0, failures.length, upTo)
      for (const [index, entry] of failures.entries()) frame.writeSentEntry(view, 0, index, entry)
      return bytes
    },
    ({ view }, at) => ({
      upTo: frame.sentUpTo(view, at),
      failures: Array.from({ length: frame.frameX(view, at) }, (_, index) =>
        frame.readSentEntry(view, at, index),
      ),
    }),
  )
  t.pass('100 frames')
})
