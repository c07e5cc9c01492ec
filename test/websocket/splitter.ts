import t from 'tap'
import fc from 'fast-check'
import { frameBytes } from '../../src/abi/frame.js'
import { binaryHeader } from '../../src/websocket/frame-header.js'
import { mask } from '../../src/websocket/mask.js'
import { Splitter } from '../../src/websocket/splitter.js'

const key = Uint8Array.of(0x11, 0, 0xff, 0x5a)
const LENGTH_MAX = 70_000

/** A frame as it goes over the wire; `first` is its first byte. */
function frame(first: number, payload: Uint8Array, isMasked: boolean): Buffer {
  const header = binaryHeader(payload.length, isMasked ? key : undefined)
  header[0] = first
  const body = payload.slice()
  if (isMasked) mask(body, 0, body.length, body, 0, key)
  return Buffer.concat([header, body])
}

/** What a Splitter makes of bytes that come cut in pieces, whole messages apart from the rest. */
function split(isMasked: boolean, wire: Buffer, cuts: readonly number[]): string[] {
  const found: string[] = []
  let message: Buffer[] = []
  let others: Buffer[] = []
  const endOthers = (): void => {
    if (others.length > 0) found.push(`other ${Buffer.concat(others).toString('hex')}`)
    others = []
  }
  const splitter = new Splitter(isMasked, LENGTH_MAX, {
    payload(source, start, end, isEnd) {
      endOthers()
      message.push(Buffer.from(source.bytes.subarray(start, end)))
      if (!isEnd) return
      found.push(`message ${Buffer.concat(message).toString('hex')}`)
      message = []
    },
    other: bytes => others.push(bytes),
  })
  for (let at = 0, i = 0; at < wire.length; i++) {
    const end = Math.min(wire.length, at + cuts[i % cuts.length]!)
    const piece = new Uint8Array(wire.subarray(at, end))
    splitter.take(frameBytes(piece), 0, piece.length)
    at = end
  }
  endOthers()
  return found
}

const message = fc.record({
  kind: fc.constant('message' as const),
  payload: fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 200 }),
    fc.constantFrom(126, 65_535, 65_536, LENGTH_MAX).map(n => new Uint8Array(n).fill(n & 0xff)),
  ),
})
const other = fc.record({
  kind: fc.constant('other' as const),
  // Ping, pong, close, text, an empty message, a fragmented message with a ping in the middle, one
  // that is too long, one with a reserved bit.
  parts: fc.constantFrom<readonly (readonly [number, number])[]>(
    [[0x89, 3]],
    [[0x8a, 125]],
    [[0x88, 2]],
    [[0x81, 10]],
    [[0x82, 0]],
    [
      [0x02, 5],
      [0x89, 1],
      [0x00, 300],
      [0x80, 0],
    ],
    [
      [0x02, 5],
      [0x82, 6], // not allowed in there, which the library is to find
      [0x80, 7],
    ],
    [[0x82, LENGTH_MAX + 1]],
    [[0xc2, 4]],
  ),
})

await t.test('whole binary messages are handed on, all else is left as it came', async () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(message, other), { maxLength: 8 }),
      fc.array(fc.oneof(fc.integer({ min: 1, max: 20 }), fc.constant(50_000)), {
        minLength: 1,
        maxLength: 6,
      }),
      fc.boolean(),
      (items, cuts, isMasked) => {
        const wire: Buffer[] = []
        const expected: string[] = []
        let others = ''
        for (const item of items) {
          const frames =
            item.kind === 'message'
              ? [frame(0x82, item.payload, isMasked)]
              : item.parts.map(([first, n]) => frame(first, new Uint8Array(n).fill(n), isMasked))
          wire.push(...frames)
          if (item.kind === 'other') {
            others += Buffer.concat(frames).toString('hex')
            continue
          }
          if (others !== '') expected.push(`other ${others}`)
          others = ''
          expected.push(`message ${Buffer.from(item.payload).toString('hex')}`)
        }
        if (others !== '') expected.push(`other ${others}`)
        t.same(split(isMasked, Buffer.concat(wire), cuts), expected)
      },
    ),
    { numRuns: 60 },
  )
})

await t.test(
  'a message that is masked where it must not be, or not where it must, is left',
  async t => {
    for (const isMasked of [true, false]) {
      const wire = frame(0x82, Buffer.from('hello'), !isMasked)
      t.same(split(isMasked, wire, [1]), [`other ${wire.toString('hex')}`])
    }
  },
)

await t.test('the library gets the start of a header that it may refuse at once', async t => {
  t.same(split(true, Buffer.from('ffff', 'hex'), [1]), ['other ffff'])
})
