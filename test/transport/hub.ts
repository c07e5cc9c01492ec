import t from 'tap'
import { setTimeout as sleep } from 'node:timers/promises'
import { encodeBye, encodeHello, encodePing, encodeTarget } from '../../src/abi/control-frame.js'
import { FRAME, frameBytes, PROTOCOL_VERSION, writeHeader } from '../../src/abi/frame.js'
import type { Link } from '../../src/transport/link.js'
import { until } from '../fixtures/daemon.js'
import { TestHub } from '../fixtures/hub.js'
import { encodeSend, RawUnixClient, RawWsClient } from '../fixtures/raw-client.js'

await t.test('a client that does not say who it is in time is ended and told', async t => {
  const hub = new TestHub(t, { authenticationTimeoutMs: 100 })
  const silent = new RawUnixClient(await hub.listen())
  const half = new RawUnixClient(await hub.listen('web'))
  half.write(Uint8Array.of(32, 0, 0, 0, 1))
  const ws = await RawWsClient.open(`${await hub.listenWs()}/v1/attach`)
  for (const client of [silent, half, ws]) {
    const closing = await client.closed()
    t.equal(closing?.errno, 110)
    t.match(closing?.reason, /no HELLO within 100 ms/)
  }
  t.equal(ws.close?.code, 4110)
  t.equal(hub.hub.strangerCount, 0)
})

await t.test('a client that said who it is in time is not', async t => {
  const hub = new TestHub(t, { authenticationTimeoutMs: 1000 })
  const client = await RawUnixClient.attach(await hub.listen(), 'web')
  await sleep(1200)
  client.write(encodePing(FRAME.PING, 1, 1))
  await client.take(FRAME.PONG)
  client.end()
})

await t.test('a client that answers no ping is ended; one that answers is not', async t => {
  const hub = new TestHub(t, { pingIntervalMs: 50 })
  const path = await hub.listen()
  const dead = await RawUnixClient.attach(path, 'web')
  const alive = await RawUnixClient.attach(path, 'db')
  const answering = (async () => {
    for (;;) {
      const { y, z } = await alive.take(FRAME.PING)
      alive.write(encodePing(FRAME.PONG, y, z))
    }
  })()
  const closing = await dead.closed()
  t.equal(closing?.errno, 110)
  t.match(closing?.reason, /nothing was heard/)
  t.equal(dead.frames.filter(frame => frame.type === FRAME.PING).length, 2, 'it was asked twice')
  await sleep(300)
  t.notOk(alive.isClosed)
  alive.end()
  await t.rejects(answering)
})

await t.test('a client is told that it did not say who it is, however often is pinged', async t => {
  const hub = new TestHub(t, { pingIntervalMs: 5, authenticationTimeoutMs: 100 })
  const client = new RawUnixClient(await hub.listen())
  t.match(await client.closed(), { errno: 110, reason: /no HELLO within 100 ms/ })
  t.notOk(client.frames.some(frame => frame.type === FRAME.PING))
})

await t.test('a client that said who it is while the daemon stood still is let in', async t => {
  const hub = new TestHub(t, { authenticationTimeoutMs: 1000 })
  const early = new RawUnixClient(await hub.listen())
  await until(
    () => hub.hub.strangerCount === 1 && !early.socket.connecting,
    isConnected => isConnected,
  )
  early.write(encodeHello({ version: PROTOCOL_VERSION, token: 'web', agent: 'raw' }))
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1100)
  await early.take(FRAME.WELCOME)
  early.end()
})

await t.test('a session ends when the token that let it in does', async t => {
  // Long enough for the token to end before a client that answers no ping has to go.
  const hub = new TestHub(t, { pingIntervalMs: 400 })
  hub.expiresAt = Date.now() + 1000
  const client = await RawUnixClient.attach(await hub.listen(), 'web')
  const closing = await client.closed()
  t.ok(Date.now() >= hub.expiresAt)
  t.equal(closing?.errno, 127)
  t.match(closing?.reason, /expired/)
})

await t.test(
  'a token that is to end sooner ends the sessions it let in, and no others',
  async t => {
    const hub = new TestHub(t, { pingIntervalMs: 400 })
    const path = await hub.listen()
    const client = await RawUnixClient.attach(path, 'web')
    const other = await RawUnixClient.attach(path, 'db')
    hub.hub.expireToken(1, Date.now())
    t.equal((await client.closed())?.errno, 127)
    other.write(encodePing(FRAME.PING, 1, 1))
    await other.take(FRAME.PONG)
    other.end()
  },
)

await t.test('a token that is withdrawn ends the sessions it let in, and no others', async t => {
  const hub = new TestHub(t)
  const path = await hub.listen()
  const [first, second, other, own] = await Promise.all([
    RawUnixClient.attach(path, 'web'),
    RawUnixClient.attach(path, 'web'),
    RawUnixClient.attach(path, 'db'),
    RawUnixClient.attach(await hub.listen('web')),
  ])
  t.equal(hub.hub.endToken(1, 'token-revoked', 'the token was revoked'), 2)
  for (const client of [first, second]) t.equal((await client.closed())?.errno, 128)
  for (const client of [other, own]) {
    client.write(encodePing(FRAME.PING, 1, 1))
    await client.take(FRAME.PONG)
    client.end()
  }
})

await t.test('sessions are listed with their transport and what they call themselves', async t => {
  const hub = new TestHub(t)
  const unix = await RawUnixClient.attach(await hub.listen(), 'web')
  await unix.register(80, 4096)
  const ws = await RawWsClient.attach(`${await hub.listenWs()}/v1/attach`, 'db')
  const stranger = new RawUnixClient(await hub.listen('db'))
  await until(
    () => hub.hub.strangerCount,
    count => count === 1,
  )
  t.match(hub.hub.sessions(), [
    { domain: 'web', transport: 'unix', agent: 'raw', rings: 1 },
    { domain: 'db', transport: 'websocket', agent: 'raw', rings: 0 },
  ])
  t.equal(hub.hub.connectionCount, 3)
  for (const client of [unix, ws, stranger]) client.end()
})

await t.test('a client that says goodbye is gone, without a reason', async t => {
  const hub = new TestHub(t)
  const client = await RawUnixClient.attach(await hub.listen(), 'web')
  client.write(encodeBye())
  t.equal(await client.closed(), undefined)
  t.same(hub.hub.sessions(), [])
  const ws = await RawWsClient.attach(`${await hub.listenWs()}/v1/attach`, 'db')
  ws.write(encodeBye())
  await ws.closed()
  t.same(ws.close, { code: 1000, reason: 'goodbye' })
})

await t.test('when it closes every client is told, also one that does not read', async t => {
  const hub = new TestHub(t, { ringBytesPerDomainMax: 16 * 1024 * 1024 })
  const path = await hub.listen()
  const reader = await RawUnixClient.attach(path, 'web')
  const ring = await reader.register(80, 8 * 1024 * 1024)
  const ws = await RawWsClient.attach(`${await hub.listenWs()}/v1/attach`, 'db')
  reader.pause()
  const sender = await RawUnixClient.attach(path, 'db')
  await sender.register(1, 64)
  sender.write(encodeTarget(0x8000, 'web'))
  const payloads = Array.from({ length: 100 }, () => new Uint8Array(64 * 1024))
  sender.write(
    encodeSend({ target: 0x8000, port: ring.port, sourcePort: 1, firstSeq: 0 }, payloads),
  )
  await sender.take(FRAME.SENT)
  await hub.hub.close()
  t.equal((await ws.closed())?.errno, 108)
  t.equal(ws.close?.code, 1001)
  t.equal((await sender.closed())?.errno, 108)
  reader.resume()
  await reader.closed()
  await until(
    () => hub.hub.connectionCount,
    count => count === 0,
  )
  t.equal(hub.hub.connect({} as Link), undefined, 'and nobody is taken in any more')
})

await t.test('what a turn leaves for a client is written once, at its end', async t => {
  const hub = new TestHub(t)
  const written: number[] = []
  const link: Link = {
    kind: 'memory',
    write: (chunks, done) => {
      written.push(chunks.length)
      setImmediate(done)
    },
    pause: () => undefined,
    resume: () => undefined,
    end: () => undefined,
    destroy: () => undefined,
  }
  const connection = hub.hub.connect(link, 'web')!
  let sentInside = -1
  hub.hub.turn(() => {
    hub.hub.turn(() => connection.event({ kind: 'policy-changed', revision: 1 }))
    connection.event({ kind: 'policy-changed', revision: 2 })
    sentInside = written.length
  })
  t.equal(sentInside, 0)
  t.same(written, [2])
  connection.event({ kind: 'policy-changed', revision: 3 })
  await new Promise(resolve => setImmediate(resolve))
  await new Promise(resolve => setImmediate(resolve))
  t.same(written, [2, 1], 'outside of a turn, soon')
  connection.gone()
})

await t.test(
  'who comes by the socket of one domain and says nothing keeps no other out',
  async t => {
    const hub = new TestHub(t, {
      connectionsUnauthenticatedPerDomainMax: 2,
      authenticationTimeoutMs: 60_000,
    })
    const [web, db] = [await hub.listen('web'), await hub.listen('db')]
    const silent = [new RawUnixClient(web), new RawUnixClient(web)]
    await until(
      () => hub.hub.strangerCount,
      count => count === 2,
    )
    t.match(await new RawUnixClient(web).closed(), { errno: 28 })
    t.match(hub.ended, [
      { reason: 'turned-away', detail: /one domain/, limit: 2, used: 2, domain: { name: 'web' } },
    ])
    const other = await RawUnixClient.attach(db, '')
    const byToken = await RawUnixClient.attach(await hub.listen(), 'web')
    silent[0]!.end()
    await until(
      () => hub.hub.strangerCount,
      count => count === 1,
    )
    const again = await RawUnixClient.attach(web, '')
    for (const client of [silent[1]!, other, byToken, again]) client.end()
  },
)

await t.test('a HELLO in two pieces gives a domain no more for frames not whole', async t => {
  const hub = new TestHub(t, {
    partialFrameBytesPerDomainMax: 16 * 1024,
    authenticationTimeoutMs: 60_000,
  })
  const path = await hub.listen()
  const announced = frameOf(64 * 1024)
  const first = await RawUnixClient.attach(path, 'web')
  first.write(announced.subarray(0, 8 * 1024))
  for (let i = 0; i < 4; i++) {
    const client = new RawUnixClient(path)
    const hello = encodeHello({ version: PROTOCOL_VERSION, token: 'web', agent: 'in two pieces' })
    client.write(hello.subarray(0, 20))
    await until(
      () => hub.hub.strangerCount,
      count => count === 1,
    )
    await sleep(20)
    client.write(hello.subarray(20))
    await client.take(FRAME.WELCOME)
    client.end()
  }
  const second = await RawUnixClient.attach(path, 'web')
  second.write(announced.subarray(0, 12 * 1024))
  await second.closed()
  t.match(hub.ended.at(-1), { reason: 'frames-unfinished', limit: 16 * 1024 })
  first.end()
})

/** A frame of so many bytes. */
function frameOf(length: number): Uint8Array {
  const frame = frameBytes(new Uint8Array(length))
  writeHeader(frame.view, 0, length, FRAME.SEND, 0, 0, 0, 0)
  return frame.bytes
}
