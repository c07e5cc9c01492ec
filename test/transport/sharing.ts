import { closeSync, openSync } from 'node:fs'
import t, { type Test } from 'tap'
import { errnoOf } from '../../src/abi/errno.js'
import { encodePing, encodeRegister } from '../../src/abi/control-frame.js'
import { ringDataInPlaceBytes, writeSendHeader } from '../../src/abi/data-frame.js'
import { FRAME, frameBytes, frameFlags, frameType, type FrameBytes } from '../../src/abi/frame.js'
import { FrameReader } from '../../src/abi/frame-reader.js'
import { DownReader } from '../../src/abi/down-queue.js'
import { FRAME_BYTES_MAX } from '../../src/abi/limits.js'
import {
  decodeRingPlace,
  decodeShared,
  encodeBell,
  encodeMapped,
  encodeShare,
  type Shared,
} from '../../src/abi/share-frame.js'
import {
  CHUNKS_AT,
  hasNonce,
  sharedMemory,
  type SharedMemory,
} from '../../src/abi/shared-memory.js'
import { UpWriter } from '../../src/abi/up-queue.js'
import { loadNative } from '../../src/native/native.js'
import { TestHub } from '../fixtures/hub.js'
import { encodeConsumed, encodeSend, RawUnixClient, RawWsClient } from '../fixtures/raw-client.js'
import { until } from '../fixtures/daemon.js'

const native = await loadNative()
const skip = native === undefined ? 'no memory can be shared here' : false
const EOPNOTSUPP = errnoOf('EOPNOTSUPP')

/** A client that shares memory and does only what it is told. */
class RawSharedClient {
  readonly socket: RawUnixClient
  readonly memory: SharedMemory
  readonly frames: FrameBytes[] = []
  readonly #up: UpWriter
  readonly #down: DownReader
  readonly #reader = new FrameReader(FRAME_BYTES_MAX, (source, at, length) => {
    this.frames.push(frameBytes(source.bytes.slice(at, at + length)))
    return undefined
  })
  #at = CHUNKS_AT

  constructor(socket: RawUnixClient, memory: SharedMemory) {
    this.socket = socket
    this.memory = memory
    this.#up = new UpWriter(memory)
    this.#down = new DownReader(memory)
  }

  static async attach(path: string, token: string): Promise<RawSharedClient> {
    const socket = await RawUnixClient.attach(path, token)
    const shared = await ask(socket)
    const fd = openSync(`/proc/${shared.pid}/fd/${shared.fd}`, 'r+')
    const memory = sharedMemory(native!.map(fd, shared.segmentBytes).bytes)
    closeSync(fd)
    if (!hasNonce(memory, shared.nonce)) throw new Error('another file was opened')
    socket.write(encodeMapped(shared.requestId, true))
    return new RawSharedClient(socket, memory)
  }

  /** Sends frames through memory. */
  push(...frames: Uint8Array[]): void {
    for (const frame of frames) {
      this.memory.bytes.set(frame, this.#at)
      this.#up.push(this.#at, frame.length)
      this.#at += frame.length
    }
    this.socket.write(encodeBell())
  }

  /** Waits for the next frame of a type, and takes it and those before it away. */
  async take(type: number): Promise<FrameBytes> {
    const find = (): number => {
      for (let bytes = this.#down.read(); bytes > 0; bytes = this.#down.read()) {
        this.#reader.push(this.memory, this.#down.start, this.#down.end)
        this.#down.done()
      }
      return this.frames.findIndex(({ view }) => frameType(view, 0) === type)
    }
    const index = await until(find, found => found >= 0)
    return this.frames.splice(0, index + 1).at(-1)!
  }
}

async function ask(socket: RawUnixClient | RawWsClient, requestId = 7): Promise<Shared> {
  socket.write(encodeShare(requestId))
  const shared = decodeShared((await socket.take(FRAME.SHARED)).source, 0)
  if (typeof shared === 'string') throw new Error(shared)
  return shared
}

function hub(t: Test, limits = {}): TestHub {
  return new TestHub(t, limits, ['web', 'db'], native)
}

const ring = { requestId: 1, port: 80, partner: 0x7ff4, ringBytes: 4096, failExist: false }

await t.test(
  'a session moves to shared memory, with its rings and its sends',
  { skip },
  async t => {
    const test = hub(t)
    const path = await test.listen()
    const web = await RawSharedClient.attach(path, 'web')
    web.push(encodeRegister(ring))
    const place = decodeRingPlace(await web.take(FRAME.RING_PLACE), 0)
    t.match(place, { ring: 1, length: 4096 })
    await web.take(FRAME.RESULT)
    t.same(
      test.hub.sessions().map(({ transport }) => transport),
      ['shared-memory'],
    )

    const db = await RawSharedClient.attach(path, 'db')
    db.push(encodeRegister({ ...ring, port: 1 }))
    await db.take(FRAME.RESULT)
    const payload = Buffer.from('hello')
    db.push(encodeSend({ target: 1, port: 80, sourcePort: 1, firstSeq: 0 }, [payload]))
    await db.take(FRAME.SENT)
    const data = await web.take(FRAME.RING_DATA)
    t.equal(frameFlags(data.view, 0), 1)
    t.equal(ringDataInPlaceBytes(data.view, 0), 32)
    const { bytes } = web.memory
    t.same(bytes.subarray(place.offset + 16, place.offset + 21), payload)
    web.push(encodeConsumed(1, 32))
    web.push(encodePing(FRAME.PING, 5, 6))
    t.equal((await web.take(FRAME.PONG)).view.getUint32(8, true), 5)
    t.equal([...test.hypervisor.sessions()].length, 2)
    db.socket.end()
    web.socket.end()
    await until(
      () => [...test.hypervisor.sessions()].length,
      count => count === 0,
    )
  },
)

await t.test('a client that could not map it goes on by its socket', { skip }, async t => {
  const test = hub(t)
  const client = await RawUnixClient.attach(await test.listen(), 'web')
  const { requestId } = await ask(client)
  client.write(encodeMapped(requestId, false))
  t.match(await client.register(80, 4096), { errno: 0, ring: 1 })
  t.same(
    test.hub.sessions().map(({ transport }) => transport),
    ['unix'],
  )
  t.equal((await ask(client)).errno, EOPNOTSUPP, 'and may not ask again')
  t.match(await client.register(81, 4096), { errno: 0 })
})

await t.test('who asks too late, or by another way, gets none', { skip }, async t => {
  const test = hub(t)
  const late = await RawUnixClient.attach(await test.listen(), 'web')
  await late.register(80, 4096)
  t.equal((await ask(late, 9)).errno, EOPNOTSUPP)
  const ws = await RawWsClient.attach(`${await test.listenWs()}/v1/attach`, 'web')
  t.match(await ask(ws, 10), { errno: EOPNOTSUPP, requestId: 10 })
})

await t.test('without the native calls there is none', async t => {
  const test = new TestHub(t)
  const client = await RawUnixClient.attach(await test.listen(), 'web')
  t.equal((await ask(client)).errno, EOPNOTSUPP)
  t.match(await client.register(80, 4096), { errno: 0 })
})

await t.test('a domain that shares as much as it may gets no more', { skip }, async t => {
  const test = hub(t, { sharedMemoryBytesPerDomainMax: 40 * 1024 * 1024 })
  const path = await test.listen()
  const first = await RawSharedClient.attach(path, 'web')
  const second = await RawUnixClient.attach(path, 'web')
  t.equal((await ask(second)).errno, errnoOf('ENOSPC'))
  t.match(await second.register(80, 4096), { errno: 0 })
  first.socket.end()
  await until(
    () => test.hub.connectionCount,
    count => count === 1,
  )
  const third = await RawUnixClient.attach(path, 'web')
  t.equal((await ask(third)).errno, 0, 'it was given back')
})

await t.test('what answers no question, or comes by the wrong way, ends it', { skip }, async t => {
  const test = hub(t)
  const path = await test.listen()
  const unasked = await RawUnixClient.attach(path, 'web')
  unasked.write(encodeMapped(1, true))
  t.match(await unasked.closed(), { errno: 71, reason: 'MAPPED answers no SHARED' })
  const wrong = await RawUnixClient.attach(path, 'web')
  await ask(wrong, 3)
  wrong.write(encodeMapped(4, true))
  t.match(await wrong.closed(), { errno: 71 })
  const bell = await RawUnixClient.attach(path, 'web')
  bell.write(encodeBell())
  t.match(await bell.closed(), { errno: 71 })
  const client = await RawSharedClient.attach(path, 'web')
  client.socket.write(encodePing(FRAME.PING, 1, 1))
  const closing = await client.take(FRAME.CLOSING)
  t.match(Buffer.from(closing.bytes).toString(), /frame type 64 came by the socket/)
  await client.socket.closed()
  await until(
    () => test.hub.connectionCount,
    count => count === 0,
  )
})

await t.test('frames that lie about their length are seen in memory too', { skip }, async t => {
  const test = hub(t)
  const client = await RawSharedClient.attach(await test.listen(), 'web')
  client.push(encodeRegister({ ...ring, port: 1 }))
  await client.take(FRAME.RESULT)
  const frame = frameBytes(new Uint8Array(64))
  const send = { target: 2, port: 1, sourcePort: 1, firstSeq: 0, type: 1, count: 1, retry: false }
  writeSendHeader(frame.view, 0, 64, send)
  frame.view.setUint32(32, 0xffffffff, true)
  client.push(frame.bytes)
  t.match(Buffer.from((await client.take(FRAME.CLOSING)).bytes).toString(), /SEND does not carry/)
  await client.socket.closed()
})

await t.test('the last that a client sent before it went is dealt with', { skip }, async t => {
  const test = hub(t)
  const path = await test.listen()
  const web = await RawSharedClient.attach(path, 'web')
  web.push(encodeRegister(ring))
  await web.take(FRAME.RESULT)
  const db = await RawSharedClient.attach(path, 'db')
  db.push(encodeRegister({ ...ring, port: 1 }))
  await db.take(FRAME.RESULT)
  for (let firstSeq = 0; firstSeq < 900; firstSeq++) {
    const flow = { target: 1, port: 80, sourcePort: 1, firstSeq, retry: false }
    db.push(encodeSend(flow, [new Uint8Array(0)]))
  }
  db.socket.end()
  const received = test.hypervisor.domainNamed('web')!.counters
  await until(
    () => [...test.hypervisor.sessions()].length,
    count => count === 1,
  )
  t.equal(received.datagramsReceived, (4096 - 16) / 16, 'as many as the ring takes')
  web.socket.end()
})
