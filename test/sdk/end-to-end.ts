import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { connect, memoryPair, type ConnectOptions, type Ring } from '../../src/sdk/index.js'
import { startDaemon, type TestDaemon } from '../fixtures/daemon.js'

const DATAGRAMS = 100_000

const ways: Record<string, (daemon: TestDaemon, name: string) => ConnectOptions> = {
  'a Unix socket': (daemon, name) => daemon.as(name),
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
