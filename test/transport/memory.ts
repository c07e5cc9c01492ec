import t from 'tap'
import { connect, memoryPair } from '../../src/sdk/index.js'
import { attachMemory } from '../../src/transport/memory.js'
import { until } from '../fixtures/daemon.js'
import { TestHub } from '../fixtures/hub.js'

await t.test('clients in this process exchange datagrams like any others', async t => {
  const { hub } = new TestHub(t)
  const attach = (domain: string, token?: string) => {
    const [ours, theirs] = memoryPair()
    attachMemory(hub, ours, token === undefined ? domain : undefined)
    return connect({ memory: () => theirs, token: token ?? '' })
  }
  const web = await attach('web')
  const db = await attach('db', 'db')
  t.equal(web.name, 'web')
  t.equal(db.name, 'db')
  t.same(
    hub.sessions().map(session => session.transport),
    ['memory', 'memory'],
  )
  const ring = await db.bind(5432)
  const from = await web.bind(80)
  const received = (async () => {
    let next = 0
    for await (const batch of ring.batches()) {
      for (let i = 0; i < batch.length; i++) {
        if (Buffer.from(batch.data(i)).readUInt32LE() !== next++) return -1
      }
      if (next === 5_000) return next
    }
    return next
  })()
  for (let i = 0; i < 5_000; i++) {
    const payload = Buffer.alloc(400)
    payload.writeUInt32LE(i)
    await from.send('db:5432', payload)
  }
  t.equal(await received, 5_000)
  await web.close()
  await db.close()
  await until(
    () => hub.connectionCount,
    count => count === 0,
  )
})

await t.test('a client that is turned away is closed', async t => {
  const { hub } = new TestHub(t, { connectionsUnauthenticatedMax: 1 })
  attachMemory(hub, memoryPair()[0], 'web')
  const [ours, theirs] = memoryPair()
  attachMemory(hub, ours, 'web')
  await t.rejects(connect({ memory: () => theirs }))
})

await t.test('a client is told when the daemon stops', async t => {
  const { hub } = new TestHub(t)
  const [ours, theirs] = memoryPair()
  attachMemory(hub, ours, 'web')
  const web = await connect({ memory: () => theirs })
  await hub.close()
  t.match((await web.closed)?.message, /shutting down/)
})
