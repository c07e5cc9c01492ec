import t from 'tap'
import { encodeBye, encodeHello, encodePing } from '../../src/abi/control-frame.js'
import { FRAME, frameBytes, writeHeader } from '../../src/abi/frame.js'
import { until } from '../fixtures/daemon.js'
import { policy, TestHub } from '../fixtures/hub.js'
import { RawUnixClient } from '../fixtures/raw-client.js'
import { endsSession, header } from './fixtures/wrong-frame.js'

const utf8 = new TextEncoder()

await t.test('a conversation begins with a HELLO of this protocol', async t => {
  const hub = new TestHub(t)
  const path = await hub.listen()
  const hello = { version: 1, token: 'web', agent: '' }
  const noMagic = encodeHello(hello)
  noMagic[8] = 0
  const long = encodeHello({ ...hello, agent: 'x'.repeat(1100) })
  const short = new Uint8Array(16)
  writeHeader(frameBytes(short).view, 0, 16, FRAME.HELLO, 0, 1, 0x44563456, 0)
  for (const [bytes, errno, reason] of [
    [encodePing(FRAME.PING, 0, 0), 71, /first frame is of type 64/],
    [noMagic, 71, /magic/],
    [long, 71, /1024 is the most/],
    [short, 71, /shorter than its texts/],
    [encodeHello({ ...hello, version: 2 }), 93, /version 1 is spoken here, not 2/],
    [encodeHello({ ...hello, token: 'nobody' }), 13, /unknown/],
    [encodeHello({ ...hello, token: '' }), 13, /unknown/],
    [utf8.encode('GET / HTTP/1.1\r\n\r\n'), 71, /542393671 bytes long/],
  ] as const) {
    const client = new RawUnixClient(path)
    client.write(bytes)
    const closing = await client.closed()
    t.equal(closing?.errno, errno)
    t.match(closing?.reason, reason)
  }
  t.same(hub.hub.sessions(), [])
})

await t.test('frames behind a HELLO that is refused are thrown away', async t => {
  const hub = new TestHub(t)
  const client = new RawUnixClient(await hub.listen())
  const hello = encodeHello({ version: 1, token: 'nobody', agent: '' })
  client.write(Buffer.concat([hello, encodePing(FRAME.PING, 0, 0), encodeBye()]))
  t.equal((await client.closed())?.errno, 13)
  t.equal(client.frames.length, 1)
})

await t.test('a domain has its number of sessions, and the next is told', async t => {
  const hub = new TestHub(t, { sessionsPerDomainMax: 1 })
  const path = await hub.listen()
  const first = await RawUnixClient.attach(path, 'web')
  const second = new RawUnixClient(path)
  await t.rejects(second.hello('web'))
  t.equal((await second.closed())?.errno, 28)
  first.end()
})

await endsSession([
  ['a length that is no multiple of 16', header(FRAME.PING, 0, 17), /multiple of 16/],
  ['a length below 16', header(FRAME.PING, 0, 0), /from 16 up/],
  ['a length beyond the limit', header(FRAME.PING, 0, 0xfffffff0), /is the most here/],
])

await t.test('a change of the policy is told to every session', async t => {
  const hub = new TestHub(t)
  const path = await hub.listen()
  const clients = [await RawUnixClient.attach(path, 'web'), await RawUnixClient.attach(path, 'db')]
  hub.hypervisor.setPolicy(policy(7, 'reject *:* -> *:*'))
  for (const client of clients) {
    t.match(await client.takeEvent(), { kind: 'policy-changed', value: 7 })
    client.end()
  }
})

await t.test('a domain that is kicked is told why', async t => {
  const hub = new TestHub(t)
  const client = await RawUnixClient.attach(await hub.listen(), 'web')
  hub.hypervisor.kick(hub.hypervisor.domainNamed('web')!, 'quarantine', 'off you go')
  t.match(await client.closed(), { errno: 13, reason: 'off you go' })
})

await t.test('a client that asks much and reads nothing is not listened to', async t => {
  const hub = new TestHub(t)
  const client = await RawUnixClient.attach(await hub.listen(), 'web')
  client.pause()
  const pings = Buffer.concat(Array.from({ length: 4096 }, () => encodePing(FRAME.PING, 0, 0)))
  let written = 0
  while (client.socket.write(pings) || client.socket.writableLength < 1024 * 1024) {
    written += pings.length
    await new Promise(resolve => setImmediate(resolve))
    if (written > 64 * 1024 * 1024) break
  }
  t.ok(written < 16 * 1024 * 1024, `${written} bytes were taken`)
  let pongs = 0
  client.resume()
  const total = (written + client.socket.writableLength) / 16 - 1
  await until(
    () => {
      pongs += client.frames.filter(frame => frame.type === FRAME.PONG).length
      client.frames.length = 0
      return pongs
    },
    seen => seen >= Math.floor(written / 16),
  )
  t.ok(total > 0)
  t.notOk(client.isClosed, 'and goes on when it reads')
  client.end()
})

await t.test('a client that lets too much wait for it is ended', async t => {
  const hub = new TestHub(t, { sessionOutputBytesMax: 64 * 1024 })
  const client = await RawUnixClient.attach(await hub.listen(), 'web')
  client.pause()
  let revision = 1
  await until(
    () => {
      for (let i = 0; i < 10_000; i++) {
        const { sessions } = hub.hypervisor.domainNamed('web')!
        for (const { sink } of sessions)
          sink.event({ kind: 'policy-changed', revision: ++revision })
      }
      return hub.hub.sessions().length
    },
    sessions => sessions === 0,
  )
  t.match(hub.ended.at(-1), { reason: 'slow-reader', limit: 65_536 })
  await until(
    () => hub.hub.connectionCount,
    count => count === 0,
  )
  client.end()
})
