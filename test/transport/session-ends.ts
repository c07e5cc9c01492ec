import t from 'tap'
import { FRAME, frameBytes, writeHeader } from '../../src/abi/frame.js'
import { FrameReader } from '../../src/abi/frame-reader.js'
import { FRAME_BYTES_MAX, HELLO_BYTES_MAX } from '../../src/abi/limits.js'
import { lengthEnd } from '../../src/transport/session-ends.js'

/** What ends a stream with a frame that says it is so long. */
function endOf(length: number, lengthMax: number): object {
  const reader = new FrameReader(lengthMax, () => undefined)
  const { bytes, view } = frameBytes(new Uint8Array(16))
  writeHeader(view, 0, length, FRAME.PING, 0, 0, 0, 0)
  return lengthEnd(reader, reader.push({ bytes, view }, 0, 16)!)
}

await t.test('a length that no frame has is told from one that is too much here', async t => {
  t.match(endOf(17, FRAME_BYTES_MAX), { reason: 'frame-length', detail: /17 bytes/ })
  const limit = FRAME_BYTES_MAX
  t.match(endOf(limit + 16, limit), { reason: 'frame-too-long', limit, used: limit + 16 })
  const hello = { reason: 'hello-too-long', limit: HELLO_BYTES_MAX, used: 1040 }
  t.match(endOf(1040, HELLO_BYTES_MAX), hello)
})
