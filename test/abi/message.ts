import { deepStrictEqual as deepEqual } from 'node:assert'
import t from 'tap'
import fc from 'fast-check'
import { MESSAGE_TYPES, type Addr } from '../../src/abi/addr.js'
import {
  decodeMessageHeader,
  encodeMessageHeader,
  messageSlotsBytes,
} from '../../src/abi/message.js'
import { hex, message } from '../fixtures/frame-examples.js'

await t.test('a message takes its header and whole slots', async t => {
  for (const [payload, slots] of [
    [0, 16],
    [1, 32],
    [16, 32],
    [17, 48],
  ] as const) {
    t.equal(messageSlotsBytes(payload), slots)
  }
})

await t.test('a header lies in a ring as Argo writes it', async t => {
  t.equal(
    hex(message('abc', { domain: 3, port: 0x1234 } as Addr)),
    '13 00 00 00  34 12 00 00  03 00 00 00  4d 72 47 64\n' +
      '61 62 63 00  00 00 00 00  00 00 00 00  00 00 00 00',
  )
})

await t.test('what is written is read, wherever it lies', async t => {
  const source = fc.record(
    { domain: fc.nat(0xffff), port: fc.nat(0xffffffff) },
    { noNullPrototype: true },
  ) as fc.Arbitrary<unknown> as fc.Arbitrary<Addr>
  const type = fc.constantFrom(...Object.values(MESSAGE_TYPES))
  const header = fc.record({ bytes: fc.nat(0xffffff), source, type }, { noNullPrototype: true })
  fc.assert(
    fc.property(header, fc.nat(7), (written, at) => {
      const view = new DataView(new ArrayBuffer(24))
      encodeMessageHeader(view, at, written)
      deepEqual(decodeMessageHeader(view, at), written)
    }),
  )
  t.pass('100 headers')
})
