import t from 'tap'
import { DOMID_ANY, MESSAGE_TYPES } from '../../src/abi/addr.js'
import {
  decodeName,
  decodeNotified,
  decodeResult,
  encodeHello,
  encodeNotify,
  encodePing,
  encodeRegister,
  encodeTarget,
  encodeUnregister,
  encodeWelcome,
} from '../../src/abi/control-frame.js'
import { ringOffset } from '../../src/abi/data-frame.js'
import { FRAME, frameBytes, writeU64 } from '../../src/abi/frame.js'
import { decodeMessageHeader } from '../../src/abi/message.js'
import { RING_FLAG } from '../../src/abi/ring-flag.js'
import { TestHub } from '../fixtures/hub.js'
import { decodeSent, encodeConsumed, encodeSend, RawUnixClient } from '../fixtures/raw-client.js'
import { endsSession, header } from './fixtures/wrong-frame.js'

const utf8 = new TextEncoder()

await endsSession([
  ['a second HELLO', encodeHello({ version: 1, token: 'web', agent: '' }), /frame type 1/],
  [
    'a frame that only the daemon sends',
    encodeWelcome({
      version: 1,
      domain: 1,
      session: 1,
      name: 'web',
      ringBytesMax: 1,
      ringsMax: 1,
      pingIntervalMs: 1,
      revision: 1,
    }),
    /frame type 129/,
  ],
  ['a TARGET of a low handle', encodeTarget(7, 'db'), /below 32768/],
  [
    'a TARGET of a handle that is taken',
    Buffer.concat([encodeTarget(0x8001, 'db'), encodeTarget(0x8001, 'web')]),
    /taken/,
  ],
  ['a TARGET with a name that no domain has', encodeTarget(0x8001, 'No Name'), /domain name is/],
  ['a TARGET without a name', header(FRAME.TARGET, 0x8001), /carries no name/],
  ['a REGISTER that is too short', header(FRAME.REGISTER, 0), /too short/],
  [
    'a REGISTER for a target that was not defined',
    encodeRegister({ requestId: 1, port: 9, partner: 0x9000, ringBytes: 48, failExist: false }),
    /target 36864, which is not defined/,
  ],
  ['a NOTIFY of another length', header(FRAME.NOTIFY, 3), /3 entries/],
  [
    'a NOTIFY of too many entries',
    encodeNotify(
      1,
      0,
      Array.from({ length: 257 }, () => entry(2)),
    ),
    /257 entries, and at most 256/,
  ],
  ['a NOTIFY for a port that is not bound', encodeNotify(1, 99, []), /has not bound/],
  [
    'a NOTIFY of a target that was not defined',
    encodeNotify(1, 0, [entry(0x9000)]),
    /target 36864, which is not defined/,
  ],
  [
    'a SEND to a target that was not defined',
    encodeSend({ target: 0x9000, port: 1, sourcePort: 80, firstSeq: 0 }, [utf8.encode('x')]),
    /target 36864, which is not defined/,
  ],
  [
    'a SEND out of sequence',
    encodeSend({ target: 2, port: 1, sourcePort: 80, firstSeq: 1 }, [utf8.encode('x')]),
    /sequence number 1, and 0 is next/,
  ],
  ['a SEND without a message', encodeSend(flow(), []), /no message/],
  ['a SEND with reserved flags', patched(send(), 5, 0x82), /reserved flags/],
  ['a SEND that counts no message', patched(send(), 28, 0), /no message/],
  ['a SEND that counts a message too many', patched(send(), 28, 2), /messages its header counts/],
  ['a SEND of a message without a header', patched(send(), 32, 15), /messages its header counts/],
  ['a SEND of a message that is cut off', patched(send(), 32, 0xff), /messages its header counts/],
  ['a CONSUMED of what was not given', encodeConsumed(1, 16), /of which 0 was given/],
  ['a CONSUMED beyond 2^53', consumedFar(), /of which 0 was given/],
])

await t.test('a ring is registered, is refused, and goes', async t => {
  const hub = new TestHub(t)
  const client = await RawUnixClient.attach(await hub.listen(), 'web')
  const first = await client.register(80, 4096)
  t.match(first, { errno: 0, port: 80, ringBytes: 4096 })
  t.match(await client.register(81, 47), { errno: 22, port: 81, ring: 0 })
  client.write(
    encodeRegister({ requestId: 5, port: 80, partner: DOMID_ANY, ringBytes: 48, failExist: true }),
  )
  t.match(decodeResult((await client.take(FRAME.RESULT)).source, 0), { requestId: 5, errno: 17 })
  client.write(encodeTarget(0x8000, 'nobody'))
  client.write(
    encodeRegister({ requestId: 6, port: 82, partner: 0x8000, ringBytes: 48, failExist: true }),
  )
  t.match(decodeResult((await client.take(FRAME.RESULT)).source, 0), { requestId: 6, errno: 3 })
  client.write(encodeUnregister(7, first.ring))
  t.match(decodeResult((await client.take(FRAME.RESULT)).source, 0), { requestId: 7, errno: 0 })
  client.write(encodeUnregister(8, first.ring))
  t.match(decodeResult((await client.take(FRAME.RESULT)).source, 0), { requestId: 8, errno: 2 })
  client.write(encodeConsumed(first.ring, 64))
  client.write(encodePing(FRAME.PING, 0, 0))
  await client.take(FRAME.PONG)
  t.notOk(client.isClosed, 'CONSUMED of a ring that is gone is no error')
  client.end()
})

await t.test('a datagram arrives with its true source, whatever its sender wrote', async t => {
  const hub = new TestHub(t)
  const path = await hub.listen()
  const [web, db] = [
    await RawUnixClient.attach(path, 'web'),
    await RawUnixClient.attach(path, 'db'),
  ]
  const ring = await db.register(5432, 4096)
  await web.register(80, 64)
  web.write(encodeTarget(0x8000, 'db'))
  web.write(
    encodeSend(
      { target: 0x8000, port: 5432, sourcePort: 80, firstSeq: 0 },
      [utf8.encode('hello')],
      (view, at) => {
        view.setUint32(at + 4, 5432, true)
        view.setUint16(at + 8, 2, true)
        view.setUint16(at + 10, 0xffff, true)
        view.setUint32(at + 12, MESSAGE_TYPES.stream, true)
      },
    ),
  )
  const name = await db.take(FRAME.DOMAIN)
  t.equal(name.x, 1)
  t.equal(decodeName(name.source, 0), 'web', 'the name is told before the number is used')
  const data = await db.take(FRAME.RING_DATA)
  t.equal(data.x, ring.ring)
  t.equal(ringOffset(data.source.view, 0), 0)
  const header = decodeMessageHeader(data.source.view, 16)
  t.match(header, { bytes: 5, source: { domain: 1, port: 80 }, type: MESSAGE_TYPES.dgram })
  t.equal(data.source.view.getUint16(16 + 10, true), 0)
  t.same(decodeSent(await web.take(FRAME.SENT)), { upTo: 1, failures: [] })
  web.end()
  db.end()
})

await t.test('of a run only what is too large is refused alone', async t => {
  const hub = new TestHub(t)
  const path = await hub.listen()
  const [web, db] = [
    await RawUnixClient.attach(path, 'web'),
    await RawUnixClient.attach(path, 'db'),
  ]
  await db.register(5432, 128)
  await web.register(80, 64)
  const payloads = [1, 97, 2, 200, 96, 3].map(length => new Uint8Array(length))
  web.write(encodeSend({ target: 2, port: 5432, sourcePort: 80, firstSeq: 0 }, payloads))
  const { upTo, failures } = decodeSent(await web.take(FRAME.SENT))
  t.equal(upTo, 6)
  t.match(failures, [
    { firstSeq: 1, count: 1, errno: 90 },
    { firstSeq: 3, count: 1, errno: 90 },
    { firstSeq: 4, count: 2, errno: 11 },
  ])
  web.end()
  db.end()
})

await t.test('a sender is told when it leaves a ring with little room', async t => {
  const hub = new TestHub(t)
  const path = await hub.listen()
  const [web, db] = [
    await RawUnixClient.attach(path, 'web'),
    await RawUnixClient.attach(path, 'db'),
  ]
  await db.register(5432, 256)
  await web.register(80, 64)
  const to = { target: 2, port: 5432, sourcePort: 80 }
  web.write(encodeSend({ ...to, firstSeq: 0 }, [new Uint8Array(64)]))
  t.same(decodeSent(await web.take(FRAME.SENT)), { upTo: 1, failures: [] })
  web.write(encodeSend({ ...to, firstSeq: 1 }, [new Uint8Array(64)]))
  t.match(await web.takeEvent(), { kind: 'room', target: 2, port: 5432, value: 64 })
  t.same(decodeSent(await web.take(FRAME.SENT)), { upTo: 2, failures: [] })
  web.write(encodeSend({ ...to, firstSeq: 2 }, [new Uint8Array(64)]))
  t.match(await web.takeEvent(), { kind: 'room', value: 0 })
  web.end()
  db.end()
})

await t.test('after a refusal for space nothing overtakes until the retry', async t => {
  const hub = new TestHub(t)
  const path = await hub.listen()
  const [web, db] = [
    await RawUnixClient.attach(path, 'web'),
    await RawUnixClient.attach(path, 'db'),
  ]
  const ring = await db.register(5432, 64)
  await web.register(80, 64)
  const to = { target: 2, port: 5432, sourcePort: 80 }
  const one = [new Uint8Array(16)]
  web.write(encodeSend({ ...to, firstSeq: 0 }, [...one, ...one]))
  t.match(decodeSent(await web.take(FRAME.SENT)).failures, [{ firstSeq: 1, errno: 11 }])
  db.write(encodeConsumed(ring.ring, 32))
  t.match(await web.takeEvent(), { kind: 'space', target: 2, port: 5432, value: 32 })
  web.write(encodeSend({ ...to, firstSeq: 2 }, one))
  t.match(decodeSent(await web.take(FRAME.SENT)).failures, [{ firstSeq: 2, count: 1, errno: 11 }])
  web.write(encodeSend({ ...to, firstSeq: 3, retry: true }, one))
  t.same(decodeSent(await web.take(FRAME.SENT)), { upTo: 4, failures: [] })
  web.end()
  db.end()
})

await t.test('NOTIFY tells what there is, and ring-up and ring-down follow', async t => {
  const hub = new TestHub(t)
  const path = await hub.listen()
  const [web, db] = [
    await RawUnixClient.attach(path, 'web'),
    await RawUnixClient.attach(path, 'db'),
  ]
  await web.register(80, 64)
  web.write(encodeTarget(0x8000, 'db'))
  const query = { target: 0x8000, port: 5432, spaceRequired: 16, wantRing: true }
  web.write(encodeNotify(1, 80, [query, { ...query, target: 99 }]))
  const answers = decodeNotified((await web.take(FRAME.NOTIFIED)).source, 0)
  t.match(answers, [
    { target: 0x8000, port: 5432, flags: 0, errno: 111 },
    { target: 99, errno: 3 },
  ])
  const ring = await db.register(5432, 128)
  t.match(await web.takeEvent(), { kind: 'ring-up', target: 0x8000, port: 5432 })
  web.write(encodeNotify(2, 80, [query]))
  t.match(decodeNotified((await web.take(FRAME.NOTIFIED)).source, 0), [
    {
      flags: RING_FLAG.EXISTS | RING_FLAG.SHARED | RING_FLAG.EMPTY | RING_FLAG.SUFFICIENT,
      maxMessageBytes: 96,
      spaceBytes: 96,
      errno: 0,
    },
  ])
  web.write(
    encodeSend({ target: 0x8000, port: 5432, sourcePort: 80, firstSeq: 0 }, [new Uint8Array(1)]),
  )
  await web.take(FRAME.SENT)
  db.write(encodeUnregister(1, ring.ring))
  t.match(await web.takeEvent(), { kind: 'ring-down', target: 0x8000, port: 5432 })
  db.end()
  web.end()
})

function flow(): { target: number; port: number; sourcePort: number; firstSeq: number } {
  return { target: 2, port: 1, sourcePort: 80, firstSeq: 0 }
}

function send(): Uint8Array {
  return encodeSend(flow(), [utf8.encode('x')])
}

function patched(bytes: Uint8Array, at: number, value: number): Uint8Array {
  bytes[at] = value
  return bytes
}

function entry(target: number): {
  target: number
  port: number
  spaceRequired: number
  wantRing: boolean
} {
  return { target, port: 1, spaceRequired: 0, wantRing: false }
}

function consumedFar(): Uint8Array {
  const bytes = encodeConsumed(1, 0)
  writeU64(frameBytes(bytes).view, 8, 2 ** 60)
  return bytes
}
