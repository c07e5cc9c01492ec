import t from 'tap'
import { ownBuffers } from '../../../src/control/policy/own-buffers.js'

void t.test('the buffers of whole arrays are found, wherever they are', t => {
  const [a, b] = [new Uint8Array(3), new Float64Array(2)]
  t.strictSame(ownBuffers({ x: [a, 7, null, undefined], y: { z: b, text: 'x' } }), [
    a.buffer,
    b.buffer,
  ])
  t.end()
})

void t.test('a part of a buffer stays where it is, and so does what is shared anyway', t => {
  const shared = new Uint8Array(new SharedArrayBuffer(4))
  t.strictSame(ownBuffers([Buffer.from('pooled'), new Uint8Array(9).subarray(1), shared, 5]), [])
  t.end()
})
