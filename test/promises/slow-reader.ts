import t from 'tap'
import { setTimeout as sleep } from 'node:timers/promises'
import { encodePing, encodeTarget } from '../../src/abi/control-frame.js'
import { FRAME } from '../../src/abi/frame.js'
import { connect } from '../../src/sdk/index.js'
import { spawnDaemon, startDaemon, until } from '../fixtures/daemon.js'
import { encodeSend, RawUnixClient, RawWsClient, type RawClient } from '../fixtures/raw-client.js'

// A client that does not read its socket costs no more than its rings and a bounded rest.

const MIB = 1024 * 1024

t.setTimeout(230_000)

await t.test('clients that never read what they cause cost a bounded amount of memory', async t => {
  const daemon = await spawnDaemon(t)
  await daemon.addDomains('deaf', 'web')
  await daemon.admin.addRule('accept', '*:*', '*:*')
  const steady = await connect(daemon.as('web'))
  const before = daemon.residentBytes()
  const token = daemon.tokens.get('deaf')!
  const clients: RawClient[] = []
  for (let i = 0; i < 8; i++) {
    clients.push(
      i % 2 === 0
        ? await RawUnixClient.attach(daemon.socketPath, token)
        : await RawWsClient.attach(daemon.wsUrl, token),
    )
  }
  const pings = Buffer.concat(Array.from({ length: 16_384 }, () => encodePing(FRAME.PING, 0, 0)))
  for (const client of clients) client.pause()
  // 64 MiB of questions from each, as far as it is listened to.
  for (let round = 0; round < 256; round++) {
    for (const client of clients) {
      const isFull =
        client instanceof RawUnixClient
          ? client.socket.writableLength > MIB
          : (client as RawWsClient).socket.bufferedAmount > MIB
      if (!client.isClosed && !isFull) client.write(pings)
    }
    if (round % 16 === 0) await sleep(5)
  }
  await sleep(200)
  const grown = daemon.residentBytes() - before
  t.ok(grown < 200 * MIB, `${Math.round(grown / MIB)} MiB more than before`)
  const ring = await steady.bind(80)
  await ring.send('web:80', new Uint8Array(10))
  t.equal((await ring.receive()).data.length, 10, 'others go on')
  for (const client of clients) client.end()
  await steady.close()
})

await t.test('a receiver that reads nothing holds its ring, and is ended by pings', async t => {
  const daemon = await startDaemon(t, { pingIntervalMs: 200 })
  await daemon.addDomains('deaf', 'web')
  await daemon.admin.addRule('accept', '*:*', '*:*')
  for (const way of ['unix', 'ws'] as const) {
    const token = daemon.tokens.get('deaf')!
    const deaf =
      way === 'unix'
        ? await RawUnixClient.attach(daemon.socketPath, token)
        : await RawWsClient.attach(daemon.wsUrl, token)
    const ring = await deaf.register(80, MIB)
    deaf.pause()
    // It answers pings until its ring is full, however long that takes.
    const answering = setInterval(() => deaf.write(encodePing(FRAME.PONG, 0, 0)), 50)
    void until(
      () => daemon.admin.rings(),
      rings => rings.some(({ waiters }) => waiters > 0),
    ).finally(() => clearInterval(answering))
    const web = await connect(daemon.as('web'))
    const feed = web.status()
    const from = await web.bind(0)
    let taken = 0
    let code = ''
    for (; code === '';) {
      await from.send('deaf:80', new Uint8Array(64 * 1024)).then(
        () => taken++,
        (error: unknown) => (code = (error as { code: string }).code),
      )
    }
    t.ok(taken >= 8 && taken <= 16, `${way}: ${taken} datagrams went into the ring`)
    // Whether one was on its way then depends on who had the processor.
    t.match(code, /^ECONN(RESET|REFUSED)$/, 'and then it was gone')
    for await (const status of feed) {
      if (status.kind === 'ring-down') {
        t.match(status, { domain: 'deaf', port: ring.port })
        break
      }
    }
    await until(
      () => [...daemon.daemon.hypervisor.sessions()].length,
      sessions => sessions === 1,
    )
    deaf.end()
    await web.close()
  }
})

await t.test('a session for which too much waits is ended, and its peers are not', async t => {
  const daemon = await startDaemon(t, { sessionOutputBytesMax: 256 * 1024 })
  await daemon.addDomains('deaf', 'web')
  await daemon.admin.addRule('accept', '*:*', '*:*')
  const deaf = await RawUnixClient.attach(daemon.socketPath, daemon.tokens.get('deaf'))
  const web = await RawUnixClient.attach(daemon.socketPath, daemon.tokens.get('web'))
  const token = daemon.tokens.get('web')!
  await deaf.register(1, 64)
  deaf.write(encodeTarget(0x8000, 'web'))
  deaf.pause()
  const { hypervisor } = daemon.daemon
  await until(
    async () => {
      for (let i = 0; i < 2000; i++) {
        const { sessions } = hypervisor.domainNamed('deaf')!
        for (const { sink } of sessions) sink.event({ kind: 'policy-changed', revision: i })
      }
      web.write(encodePing(FRAME.PING, 1, 1))
      await web.take(FRAME.PONG)
      return hypervisor.domainNamed('deaf')!.sessions.size
    },
    sessions => sessions === 0,
  )
  web.write(
    encodeSend({ target: 0x7000, port: 1, sourcePort: 1, firstSeq: 0 }, [new Uint8Array(1)]),
  )
  await web.take(FRAME.SENT)
  const other = await RawUnixClient.attach(daemon.socketPath, token)
  t.notOk(web.isClosed || other.isClosed)
  for (const client of [deaf, web, other]) client.end()
})
