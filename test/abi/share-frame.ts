import fc from 'fast-check'
import t from 'tap'
import { FRAME, frameBytes, frameY } from '../../src/abi/frame.js'
import * as frame from '../../src/abi/share-frame.js'
import { cut, plain, roundTrip, u16, u32 } from './fixtures/frames.js'

const nonce = fc.array(u32, { minLength: 4, maxLength: 4 })
const shared = fc.record(
  { requestId: u32, errno: u16, pid: u32, fd: u32, segmentBytes: u32, chunks: u32, nonce },
  plain,
)

await t.test('SHARE', async t => {
  roundTrip(u32, FRAME.SHARE, frame.encodeShare, ({ view }, at) => frameY(view, at))
  t.pass('100 frames')
})

await t.test('SHARED', async t => {
  roundTrip(shared, FRAME.SHARED, frame.encodeShared, frame.decodeShared)
  const whole = frame.encodeShared({
    requestId: 1,
    errno: 0,
    pid: 1,
    fd: 2,
    segmentBytes: 3,
    chunks: 4,
    nonce: [1, 2, 3, 4],
  })
  for (const length of [16, 32]) {
    t.equal(frame.decodeShared(cut(whole, length), 0), 'SHARED is too short')
  }
})

await t.test('MAPPED', async t => {
  roundTrip(
    fc.record({ requestId: u32, isMapped: fc.boolean() }, plain),
    FRAME.MAPPED,
    ({ requestId, isMapped }) => frame.encodeMapped(requestId, isMapped),
    frame.decodeMapped,
  )
  t.pass('100 frames')
})

await t.test('RING_PLACE', async t => {
  const place = fc.record({ ring: u16, offset: u32, length: u32 }, plain)
  roundTrip(place, FRAME.RING_PLACE, frame.encodeRingPlace, frame.decodeRingPlace)
  t.pass('100 frames')
})

await t.test('BELL is a header and nothing else', async t => {
  t.same(
    [...frameBytes(frame.encodeBell()).bytes],
    [16, 0, 0, 0, 0x42, ...Array.from({ length: 11 }, () => 0)],
  )
})
