import t from 'tap'
import * as ws from 'ws'
import { binaryHeader, headerBytes, payloadLength } from '../../src/websocket/frame-header.js'

const lengths = [0, 1, 125, 126, 127, 0xffff, 0x10000, 0x1234567]
const key = Uint8Array.of(1, 2, 3, 4)

await t.test('headers are those that the library makes, and are read back', async t => {
  const { Sender: library } = ws as unknown as {
    Sender: { frame(data: Buffer, options: object): Buffer[] }
  }
  for (const length of lengths) {
    for (const isMasked of [false, true]) {
      const options = { fin: true, opcode: 2, mask: isMasked, generateMask: fillKey }
      const [expected] = library.frame(Buffer.alloc(length), options)
      const header = binaryHeader(length, isMasked ? key : undefined)
      t.same([...header], [...expected!])
      t.equal(headerBytes(header[1]!), header.length)
      t.equal(payloadLength(new DataView(header.buffer)), length)
    }
  }
})

function fillKey(buffer: Buffer): void {
  buffer.set(key)
}
