import t from 'tap'
import { encodeHello, encodePing } from '../../src/abi/control-frame.js'
import { FRAME, frameX, frameY } from '../../src/abi/frame.js'
import { until } from '../fixtures/daemon.js'
import { TestHub } from '../fixtures/hub.js'
import { RawUnixClient } from '../fixtures/raw-client.js'

await t.test('a client with a token is let in and told who it is', async t => {
  const hub = new TestHub(t)
  const client = new RawUnixClient(await hub.listen())
  const welcome = await client.hello('db')
  t.equal(frameX(welcome.source.view, 0), 1, 'the protocol version')
  t.equal(frameY(welcome.source.view, 0), 2, 'the number of db')
  client.end()
})

await t.test("whoever opens a domain's own socket is that domain, without a token", async t => {
  const hub = new TestHub(t)
  const client = new RawUnixClient(await hub.listen('db'))
  t.equal((await client.hello()).y, 2)
  client.end()
})

await t.test('frames that arrive byte by byte are put together', async t => {
  const hub = new TestHub(t)
  const client = new RawUnixClient(await hub.listen())
  for (const byte of encodeHello({ version: 1, token: 'web', agent: 'slow' })) {
    client.write(Uint8Array.of(byte))
    await new Promise(resolve => setImmediate(resolve))
  }
  t.equal((await client.take(FRAME.WELCOME)).y, 1)
  for (const byte of encodePing(FRAME.PING, 77, 88)) client.write(Uint8Array.of(byte))
  const pong = await client.take(FRAME.PONG)
  t.same([pong.y, pong.z], [77, 88])
  client.end()
})

await t.test('frames that arrive in one piece are all answered', async t => {
  const hub = new TestHub(t)
  const client = new RawUnixClient(await hub.listen())
  const hello = encodeHello({ version: 1, token: 'web', agent: '' })
  const pings = Array.from({ length: 1000 }, (_, i) => encodePing(FRAME.PING, i, 0))
  client.write(Buffer.concat([hello, ...pings]))
  for (let i = 0; i < 1000; i++) {
    const pong = await client.take(FRAME.PONG)
    if (pong.y !== i) t.equal(pong.y, i)
  }
  client.end()
})

await t.test('a client that goes leaves nothing behind', async t => {
  const hub = new TestHub(t)
  const client = await RawUnixClient.attach(await hub.listen(), 'web')
  await client.register(80, 4096)
  t.equal(hub.hub.connectionCount, 1)
  client.end()
  await until(
    () => hub.hub.connectionCount,
    count => count === 0,
  )
  t.same([...hub.hypervisor.sessions()], [])
  t.equal(hub.hypervisor.domainNamed('web')!.rings.size, 0)
})

await t.test('a client that is turned away is told so', async t => {
  const hub = new TestHub(t, { connectionsUnauthenticatedMax: 1 })
  const path = await hub.listen()
  const first = new RawUnixClient(path)
  await until(
    () => hub.hub.strangerCount,
    count => count === 1,
  )
  const second = new RawUnixClient(path)
  const closing = await second.closed()
  t.equal(closing?.errno, 28)
  t.match(closing?.reason, /have not said who they are/)
  await first.hello('web')
  const third = await RawUnixClient.attach(path, 'web')
  t.pass('there is room again when the first has said who it is')
  first.end()
  third.end()
})
