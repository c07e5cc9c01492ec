import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { connect, memoryPair, type ConnectOptions, type Ring } from '../../src/sdk/index.js'
import { startDaemon, type TestDaemon } from '../fixtures/daemon.js'

const DATAGRAMS = 100_000

const ways: Record<string, (daemon: TestDaemon, name: string) => ConnectOptions> = {
  'a Unix socket': (daemon, name) => ({ ...daemon.as(name), sharedMemory: 'off' }),
  'shared memory, where there is some': (daemon, name) => daemon.as(name),
  'a WebSocket': (daemon, name) => daemon.as(name, 'ws'),
  'a pair in one process': (daemon, name) => ({
    memory: () => {
      const [client, server] = memoryPair()
      daemon.daemon.attach(server, name)
      return client
    },
  }),
}

for (const [way, options] of Object.entries(ways)) {
  await t.test(`over ${way} 100,000 datagrams reach a slow receiver, all in order`, async t => {
    const daemon = await startDaemon(t)
    await daemon.addDomains('web', 'db')
    await daemon.admin.addRule('accept', 'web:*', 'db:5432')
    const web = await connect(options(daemon, 'web'))
    const db = await connect(options(daemon, 'db'))
    const sink = await db.bind(5432, { size: '64KiB' })
    const ring = await web.bind(0)

    const [sent, received] = await Promise.all([sendAll(ring), receiveAll(sink)])
    t.equal(received, sent)
    await web.close()
    await db.close()
  })
}

await t.test('a message waits for its ring, and a request is answered', async t => {
  const daemon = await startDaemon(t)
  await daemon.addDomains('web', 'db')
  await daemon.admin.addRule('accept', 'web:*', 'db:5432')
  await daemon.admin.addRule('accept', 'db:5432', 'web:*')
  const web = await connect(daemon.as('web', 'own-socket'))
  const db = await connect(daemon.as('db'))
  await t.rejects(web.send('db:5432', Buffer.from('x')), { code: 'ECONNREFUSED' })
  await t.rejects(web.send('db:1', Buffer.from('x')), { code: 'EPERM', decisionId: /^d-/ })
  const waits = web.send('db:5432', Buffer.from('first'), { wait: true })
  const ring = await db.bind(5432)
  await waits
  t.same(Buffer.from((await ring.receive()).data), Buffer.from('first'))
  const serving = (async () => {
    for await (const datagram of ring) await datagram.reply(datagram.data.toReversed())
  })()
  for (let i = 0; i < 5; i++) {
    const answer = await web.request('db:5432', Uint8Array.of(i, 2, 3), { timeoutMs: 60_000 })
    t.same(answer.data, Uint8Array.of(3, 2, i))
    t.same(answer.source, { domain: 'db', port: 5432 })
  }
  const [status] = await web.notify([{ to: 'db:5432', spaceRequired: 100 }])
  t.match(status, { exists: true, sufficient: true })
  await db.close()
  await serving
  await web.close()
})

/** Sends datagrams of all sizes as fast as it can. @returns the SHA-256 of all of them. */
async function sendAll(ring: Ring): Promise<string> {
  const hash = createHash('sha256')
  const noise = randomBytes(4096)
  for (let i = 0; i < DATAGRAMS; i++) {
    const start = (i * 7) % 2048
    const payload = noise.subarray(start, start + ((i * 31) % 512))
    hash.update(payload)
    while (!ring.trySend('db:5432', payload)) await once(ring, 'drain')
  }
  return hash.digest('hex')
}

/** Receives, now by batches, now one by one, and rests now and then. */
async function receiveAll(ring: Ring): Promise<string> {
  const hash = createHash('sha256')
  let count = 0
  let steps = 0
  while (count < DATAGRAMS) {
    for await (const batch of ring.batches()) {
      for (let i = 0; i < batch.length; i++) hash.update(batch.data(i))
      count += batch.length
      if (++steps % 100 === 0) await sleep(1)
      if (count === DATAGRAMS || steps % 50 === 0) break
    }
    if (count === DATAGRAMS) break
    for await (const datagram of ring) {
      hash.update(datagram.data)
      count++
      if (count === DATAGRAMS || count % 100 === 0) break
    }
  }
  return hash.digest('hex')
}
