import { once } from 'node:events'
import t from 'tap'
import { WebSocket } from 'ws'
import { encodeHello, encodePing, encodeTarget } from '../../src/abi/control-frame.js'
import { FRAME } from '../../src/abi/frame.js'
import { ATTACH_PATH } from '../../src/transport/websocket.js'
import { until } from '../fixtures/daemon.js'
import { TestHub } from '../fixtures/hub.js'
import { RawWsClient } from '../fixtures/raw-client.js'

const hello = encodeHello({ version: 1, token: 'web', agent: 'test' })
const ping = encodePing(FRAME.PING, 1, 2)

await t.test('a message holds one frame or many', async t => {
  const hub = new TestHub(t)
  const client = await RawWsClient.open((await hub.listenWs()) + ATTACH_PATH)
  client.write(Buffer.concat([hello, ping, ping]))
  t.equal((await client.take(FRAME.WELCOME)).y, 1)
  await client.take(FRAME.PONG)
  await client.take(FRAME.PONG)
  client.write(ping)
  t.same((await client.take(FRAME.PONG)).z, 2)
  client.end()
  await until(
    () => hub.hub.connectionCount,
    count => count === 0,
  )
})

await t.test('a message in a few fragments is one message', async t => {
  const hub = new TestHub(t)
  const client = await RawWsClient.open((await hub.listenWs()) + ATTACH_PATH)
  client.socket.send(hello.subarray(0, 10), { fin: false })
  client.socket.send(hello.subarray(10), { fin: true })
  await client.take(FRAME.WELCOME)
  client.end()
})

const bad: [string, (client: RawWsClient) => void, RegExp][] = [
  ['a text message', client => client.socket.send('hello'), /text message/],
  [
    'a message that ends inside a frame',
    client => client.write(ping.subarray(0, 15)),
    /ends inside a frame/,
  ],
  [
    'a frame of a type that no client sends',
    client => client.write(encodePing(0x7f as typeof FRAME.PING, 0, 0)),
    /frame type 127/,
  ],
]
for (const [what, send, reason] of bad) {
  await t.test(`${what} ends the session and says why`, async t => {
    const hub = new TestHub(t)
    const client = await RawWsClient.attach((await hub.listenWs()) + ATTACH_PATH, 'web')
    send(client)
    const closing = await client.closed()
    t.equal(closing?.errno, 71)
    t.match(closing?.reason, reason)
    t.equal(client.close?.code, 1002)
    t.match(client.close?.reason, reason)
  })
}

await t.test('bytes that are no WebSocket frame end the session with a close code', async t => {
  const hub = new TestHub(t)
  const client = await RawWsClient.attach((await hub.listenWs()) + ATTACH_PATH, 'web')
  const { _socket: socket } = client.socket as unknown as { _socket: { write(b: Buffer): void } }
  socket.write(Buffer.from('ffffffffffffffff', 'hex'))
  await client.closed()
  t.equal(client.close?.code, 1002)
  await until(
    () => hub.hub.connectionCount,
    count => count === 0,
  )
})

await t.test('a message in too many fragments ends the session with a close code', async t => {
  const hub = new TestHub(t)
  const client = await RawWsClient.attach((await hub.listenWs()) + ATTACH_PATH, 'web')
  for (let i = 0; i < 9; i++) client.socket.send(Buffer.alloc(0), { fin: false })
  await client.closed()
  t.equal(client.close?.code, 1008)
})

await t.test('a reason that is longer than a close frame takes is cut at a character', async t => {
  const hub = new TestHub(t)
  const client = await RawWsClient.attach((await hub.listenWs()) + ATTACH_PATH, 'web')
  // Characters of two, three and four bytes, so that some cut falls inside one.
  for (const [index, name] of ['é', '€', '𝄞'].entries()) {
    const other = await RawWsClient.attach((client.socket as unknown as { url: string }).url, 'web')
    for (let pad = 0; pad < 4; pad++) other.write(encodeTarget(0x8000 + index, name.repeat(76)))
    const closing = await other.closed()
    t.match(closing?.reason, /a domain name is/)
    t.equal(other.close?.code, 1002)
    t.notMatch(other.close?.reason, /\ufffd/)
    t.ok(Buffer.byteLength(other.close!.reason) <= 123)
  }
  client.end()
})

await t.test('a client that has not said who it is can not make the daemon keep much', async t => {
  const hub = new TestHub(t)
  const client = await RawWsClient.open((await hub.listenWs()) + ATTACH_PATH)
  client.socket.send(new Uint8Array(64 * 1024), { fin: false })
  const closing = await client.closed()
  t.match(closing?.reason, /longer than a HELLO/)
  await until(
    () => hub.hub.strangerCount,
    count => count === 0,
  )
})

await t.test('what sessions of a domain have sent of messages is bounded together', async t => {
  const hub = new TestHub(t, { partialFrameBytesPerDomainMax: 1024 * 1024 })
  const url = (await hub.listenWs()) + ATTACH_PATH
  const part = new Uint8Array(700 * 1024)
  const [first, second, other] = await Promise.all([
    RawWsClient.attach(url, 'web'),
    RawWsClient.attach(url, 'web'),
    RawWsClient.attach(url, 'db'),
  ])
  first.socket.send(part, { fin: false })
  first.socket.ping()
  await once(first.socket, 'pong') // it has arrived
  second.socket.send(part, { fin: false })
  t.match((await second.closed())?.reason, /not whole/)
  other.socket.send(part, { fin: false })
  other.socket.ping()
  await once(other.socket, 'pong')
  t.notOk(first.isClosed, 'each domain has its own')

  first.socket.send(new Uint8Array(0), { fin: true })
  t.match((await first.closed())?.reason, /a frame says it is 0 bytes long/)
  const again = await RawWsClient.attach(url, 'web')
  again.socket.send(part, { fin: false })
  again.socket.ping()
  await once(again.socket, 'pong')
  t.notOk(again.isClosed, 'what has ended does not count any more')
  again.end()
  other.end()
})

await t.test('another path is answered 404, another host 403', async t => {
  const hub = new TestHub(t)
  for (const [url, status] of [
    [(await hub.listenWs()) + '/v1/other', 404],
    [(await hub.listenWs(() => false)) + ATTACH_PATH, 403],
  ] as const) {
    const socket = new WebSocket(url)
    const [, response] = (await once(socket, 'unexpected-response')) as [
      unknown,
      { statusCode: number; headers: Record<string, string>; on: NodeJS.EventEmitter['on'] },
    ]
    t.equal(response.statusCode, status)
    t.equal(response.headers['content-type'], 'application/json')
    socket.on('error', () => undefined)
    socket.terminate()
  }
})

await t.test('a client that is turned away gets a close code', async t => {
  const hub = new TestHub(t, { connectionsUnauthenticatedMax: 1 })
  const url = (await hub.listenWs()) + ATTACH_PATH
  const first = await RawWsClient.open(url)
  await until(
    () => hub.hub.strangerCount,
    count => count === 1,
  )
  const second = await RawWsClient.open(url)
  await second.closed()
  t.equal(second.close?.code, 1013)
  t.match(second.close?.reason, /who they are/)
  first.end()
})
