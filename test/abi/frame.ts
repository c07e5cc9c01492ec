import { deepStrictEqual as deepEqual } from 'node:assert'
import t from 'tap'
import fc from 'fast-check'
import * as frame from '../../src/abi/frame.js'
import { FRAME, frameBytes, type FrameBytes } from '../../src/abi/frame.js'
import { FRAME_HEADER_BYTES, SEND_HEADER_BYTES } from '../../src/abi/limits.js'
import { frameExamples } from '../fixtures/frame-examples.js'

const u8 = fc.nat(0xff)
const u16 = fc.nat(0xffff)
const u32 = fc.nat(0xffffffff)
const u64 = fc.maxSafeNat()
const text = fc.string({ unit: 'binary', maxLength: 40 })
const plain = { noNullPrototype: true } as const

/** The bytes at an odd place in larger ones, as a reader hands them over. */
function placed(bytes: Uint8Array): { source: FrameBytes; at: number } {
  const at = 5
  const larger = new Uint8Array(at + bytes.length + 7).fill(0xee)
  larger.set(bytes, at)
  return { source: frameBytes(larger), at }
}

/** Holds that a frame of any values is read as it was written. */
function roundTrip<T>(
  values: fc.Arbitrary<T>,
  type: number,
  encode: (value: T) => Uint8Array,
  decode: (source: FrameBytes, at: number) => unknown,
): void {
  fc.assert(
    fc.property(values, value => {
      const bytes = encode(value)
      deepEqual(bytes.length % 16, 0)
      const { source, at } = placed(bytes)
      deepEqual(frame.frameLength(source.view, at), bytes.length)
      deepEqual(frame.frameType(source.view, at), type)
      deepEqual(decode(source, at), value)
    }),
  )
}

/** The same frame, cut to `length` bytes and saying so. */
function cut(bytes: Uint8Array, length: number): FrameBytes {
  const shorter = frameBytes(bytes.slice(0, length))
  shorter.view.setUint32(0, length, true)
  return shorter
}

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

await t.test('HELLO', async t => {
  const values = fc.record({ version: u16, token: text, agent: text }, plain)
  roundTrip(values, FRAME.HELLO, frame.encodeHello, frame.decodeHello)
  const stray = frameBytes(frame.encodeHello({ version: 1, token: '', agent: '' }))
  stray.bytes[8] = 0
  t.equal(frame.decodeHello(stray, 0), 'HELLO does not carry the magic number')
})

await t.test('WELCOME', async t => {
  const values = fc.record(
    {
      version: u16,
      domain: u32,
      session: u32,
      name: text,
      ringBytesMax: u32,
      ringsMax: u32,
      pingIntervalMs: u32,
      revision: u32,
    },
    plain,
  )
  roundTrip(values, FRAME.WELCOME, frame.encodeWelcome, frame.decodeWelcome)
  t.pass('100 frames')
})

await t.test('REGISTER', async t => {
  const values = fc.record(
    { requestId: u32, port: u32, partner: u16, ringBytes: u32, failExist: fc.boolean() },
    plain,
  )
  roundTrip(values, FRAME.REGISTER, frame.encodeRegister, frame.decodeRegister)

  const register = { requestId: 1, port: 2, partner: 3, ringBytes: 48, failExist: false }
  const flagged = frameBytes(frame.encodeRegister(register))
  flagged.bytes[5] = 0x02
  t.equal(frame.decodeRegister(flagged, 0), 'REGISTER has reserved flags set')
  const partner = frameBytes(frame.encodeRegister(register))
  partner.bytes[22] = 1
  t.equal(frame.decodeRegister(partner, 0), 'REGISTER has reserved bits set in its partner')
})

await t.test('RESULT', async t => {
  const values = fc.record(
    { requestId: u32, errno: u16, port: u32, ring: u32, ringBytes: u32, detail: text },
    plain,
  )
  roundTrip(values, FRAME.RESULT, frame.encodeResult, frame.decodeResult)
  t.pass('100 frames')
})

await t.test('UNREGISTER, PING, PONG and BYE are a header', async t => {
  roundTrip(
    fc.record({ requestId: u32, ring: u16 }, plain),
    FRAME.UNREGISTER,
    ({ requestId, ring }) => frame.encodeUnregister(requestId, ring),
    ({ view }, at) => ({ requestId: frame.frameY(view, at), ring: frame.frameX(view, at) }),
  )
  for (const type of [FRAME.PING, FRAME.PONG] as const) {
    roundTrip(
      fc.record({ y: u32, z: u32 }, plain),
      type,
      ({ y, z }) => frame.encodePing(type, y, z),
      ({ view }, at) => ({ y: frame.frameY(view, at), z: frame.frameZ(view, at) }),
    )
  }
  t.equal(frame.encodeBye().length, 16)
})

await t.test('TARGET and DOMAIN', async t => {
  for (const [type, encode] of [
    [FRAME.TARGET, frame.encodeTarget],
    [FRAME.DOMAIN, frame.encodeDomain],
  ] as const) {
    roundTrip(
      fc.record({ number: u16, name: text }, plain),
      type,
      ({ number, name }) => encode(number, name),
      (source, at) => ({
        number: frame.frameX(source.view, at),
        name: frame.decodeName(source, at),
      }),
    )
  }
  t.pass('200 frames')
})

await t.test('NOTIFY', async t => {
  const entry = fc.record(
    { target: u16, port: u32, spaceRequired: u32, wantRing: fc.boolean() },
    plain,
  )
  roundTrip(
    fc.record({ requestId: u32, port: u32, entries: fc.array(entry, { maxLength: 5 }) }, plain),
    FRAME.NOTIFY,
    ({ requestId, port, entries }) => frame.encodeNotify(requestId, port, entries),
    (source, at) => ({
      requestId: frame.frameY(source.view, at),
      port: frame.frameZ(source.view, at),
      entries: frame.decodeNotify(source, at),
    }),
  )
  const entries = [{ target: 1, port: 2, spaceRequired: 3, wantRing: true }]
  for (const [at, what] of [
    [18, 'a flag'],
    [28, 'the last word'],
  ] as const) {
    const reserved = frameBytes(frame.encodeNotify(1, 0, entries))
    reserved.bytes[at] = 0x02
    t.equal(frame.decodeNotify(reserved, 0), 'NOTIFY entry 0 has reserved bits set', what)
  }
})

await t.test('NOTIFIED', async t => {
  const entry = fc.record(
    { target: u16, port: u32, flags: u16, maxMessageBytes: u32, spaceBytes: u32, errno: u32 },
    plain,
  )
  roundTrip(
    fc.record({ requestId: u32, entries: fc.array(entry, { maxLength: 5 }) }, plain),
    FRAME.NOTIFIED,
    ({ requestId, entries }) => frame.encodeNotified(requestId, entries),
    (source, at) => ({
      requestId: frame.frameY(source.view, at),
      entries: frame.decodeNotified(source, at),
    }),
  )
  t.pass('100 frames')
})

await t.test('EVENT', async t => {
  const kind = fc.constantFrom(...(Object.keys(frame.EVENT_KIND) as frame.EventKind[]))
  const values = fc.record({ kind, target: u16, port: u32, value: u32 }, plain)
  roundTrip(values, FRAME.EVENT, frame.encodeEvent, frame.decodeEvent)
  const unknown = frameBytes(frame.encodeEvent({ kind: 'space', target: 1, port: 2, value: 3 }))
  unknown.bytes[5] = 99
  t.equal(frame.decodeEvent(unknown, 0), undefined, 'a kind of a later version is ignored')
})

await t.test('CLOSING', async t => {
  const values = fc.record({ errno: u16, reason: text }, plain)
  roundTrip(values, FRAME.CLOSING, frame.encodeClosing, frame.decodeClosing)
  t.pass('100 frames')
})

await t.test('a text keeps its byte order mark', async t => {
  const { source, at } = placed(frame.encodeTarget(0x8000, '\ufeffweb'))
  t.equal(frame.decodeName(source, at), '\ufeffweb')
})

await t.test('a text that is too long ends with a whole character', async t => {
  for (const [long, kept] of [
    ['x'.repeat(70_000), 'x'.repeat(0xffff)],
    ['é'.repeat(40_000), 'é'.repeat(0x7fff)],
    [`x${'😀'.repeat(20_000)}`, `x${'😀'.repeat(16_383)}`],
  ] as const) {
    t.same(frame.decodeClosing(frameBytes(frame.encodeClosing({ errno: 5, reason: long })), 0), {
      errno: 5,
      reason: kept,
    })
  }
})

await t.test('a text that is not UTF-8 is refused', async t => {
  const broken = frameBytes(frame.encodeTarget(0x8000, 'web'))
  broken.bytes[18] = 0xff
  t.equal(frame.decodeName(broken, 0), undefined)
})

await t.test('each decoder refuses a frame that ends inside its fields', async t => {
  const long = 'a name of more than sixteen bytes'
  const notify = { target: 1, port: 2, spaceRequired: 3, wantRing: false }
  const notified = { target: 1, port: 2, flags: 1, maxMessageBytes: 4, spaceBytes: 5, errno: 0 }
  const welcome = { version: 1, domain: 7, session: 1, name: long, revision: 1 }
  const result = { requestId: 1, errno: 0, port: 1, ring: 1, ringBytes: 48, detail: long }
  const register = { requestId: 1, port: 1, partner: 1, ringBytes: 48, failExist: true }
  const table: [string, Uint8Array, (source: FrameBytes, at: number) => unknown, unknown][] = [
    [
      'HELLO',
      frame.encodeHello({ version: 1, token: long, agent: long }),
      frame.decodeHello,
      'HELLO is shorter than its texts',
    ],
    [
      'WELCOME',
      frame.encodeWelcome({ ...welcome, ringBytesMax: 1, ringsMax: 2, pingIntervalMs: 3 }),
      frame.decodeWelcome,
      'WELCOME is too short',
    ],
    ['REGISTER', frame.encodeRegister(register), frame.decodeRegister, 'REGISTER is too short'],
    ['RESULT', frame.encodeResult(result), frame.decodeResult, 'RESULT is too short'],
    ['TARGET', frame.encodeTarget(0x8000, long), frame.decodeName, undefined],
    [
      'NOTIFY',
      frame.encodeNotify(1, 2, [notify, notify]),
      frame.decodeNotify,
      'NOTIFY says 2 entries but is not that long',
    ],
    [
      'NOTIFIED',
      frame.encodeNotified(1, [notified, notified]),
      frame.decodeNotified,
      'NOTIFIED says 2 entries but is not that long',
    ],
    [
      'CLOSING',
      frame.encodeClosing({ errno: 5, reason: long }),
      frame.decodeClosing,
      'CLOSING is too short',
    ],
  ]
  for (const [name, bytes, decode, problem] of table) {
    for (let length = FRAME_HEADER_BYTES; length < bytes.length; length += 1) {
      const isPaddingOnly = bytes.subarray(length).every(byte => byte === 0)
      if (isPaddingOnly) continue
      t.equal(decode(cut(bytes, length), 0), problem, `${name} of ${length} bytes`)
    }
  }
})

await t.test('no decoder reads beyond its frame or throws, whatever the bytes', async t => {
  const decoders = [
    frame.decodeHello,
    frame.decodeWelcome,
    frame.decodeRegister,
    frame.decodeResult,
    frame.decodeName,
    frame.decodeNotify,
    frame.decodeNotified,
    frame.decodeEvent,
    frame.decodeClosing,
  ]
  fc.assert(
    fc.property(fc.nat(6), fc.uint8Array({ minLength: 112, maxLength: 112 }), (slots, noise) => {
      const exact = cut(noise, 16 + 16 * slots)
      const larger = placed(exact.bytes)
      for (const decode of decoders) {
        deepEqual(decode(exact, 0), decode(larger.source, larger.at))
      }
    }),
    { numRuns: 1000 },
  )
  t.pass('1000 frames')
})
