import { deepStrictEqual as deepEqual } from 'node:assert'
import fc from 'fast-check'
import t from 'tap'
import * as frame from '../../src/abi/index.js'
import { FRAME, frameBytes, type FrameBytes } from '../../src/abi/frame.js'
import { FRAME_HEADER_BYTES } from '../../src/abi/limits.js'
import { u16, u32, text, plain, placed, roundTrip, cut } from './fixtures/frames.js'

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
