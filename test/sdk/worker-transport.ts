import { once } from 'node:events'
import { MessageChannel, Worker } from 'node:worker_threads'
import t from 'tap'
import { connect } from '../../src/sdk/index.js'
import { startDaemon } from '../fixtures/daemon.js'

const DATAGRAMS = 20_000

await t.test('a plugin in a worker sends, receives and answers as any domain', async t => {
  const daemon = await startDaemon(t)
  await daemon.addDomains('plugin', 'host')
  await daemon.admin.addRule('accept', 'plugin:*', 'host:*')
  await daemon.admin.addRule('accept', 'host:*', 'plugin:9')
  const host = await connect(daemon.as('host'))
  const sink = await host.bind(1)
  const end = daemon.daemon.attachWorker('plugin')
  const worker = new Worker(new URL('fixtures/plugin.js', import.meta.url), {
    workerData: { end, datagrams: DATAGRAMS },
    transferList: [end.port],
  })
  const exit = once(worker, 'exit')
  t.same((await once(worker, 'message'))[0], { name: 'plugin', transport: 'shared-memory' })
  let expected = 0
  for await (const batch of sink.batches()) {
    for (let i = 0; i < batch.length; i++) {
      const data = batch.data(i)
      const number = new DataView(data.buffer, data.byteOffset).getUint32(0)
      if (number !== expected++ || data.length !== 1000) t.fail(`datagram ${number} out of order`)
    }
    if (expected === DATAGRAMS) break
  }
  for (let i = 0; i < 100; i++) {
    const answer = await host.request('plugin:9', Uint8Array.of(1, 2, i), { timeoutMs: 60_000 })
    t.same(answer.data, Uint8Array.of(i, 2, 1))
  }
  await host.send('plugin:9', new Uint8Array(0))
  t.same(await exit, [0], 'the worker ends when its session has ended')
  t.same(
    (await daemon.admin.sessions()).map(({ domain }) => domain),
    ['host'],
  )
  await host.close()
})

await t.test(
  'a session whose worker is ended is over, and one that is kicked hears of it',
  async t => {
    const daemon = await startDaemon(t)
    await daemon.addDomains('plugin')
    const end = daemon.daemon.attachWorker('plugin')
    const worker = new Worker(new URL('fixtures/plugin.js', import.meta.url), {
      workerData: { end, datagrams: 0 },
      transferList: [end.port],
    })
    await once(worker, 'message')
    t.equal((await daemon.admin.sessions()).length, 1)
    await worker.terminate()
    while ((await daemon.admin.sessions()).length > 0);

    const here = await connect({ transport: daemon.daemon.attachWorker('plugin') })
    const ring = await here.bind(5)
    await daemon.admin.request('POST', '/v1/domains/plugin/kick')
    t.match(await here.closed, { code: 'ECONNRESET' })
    t.throws(() => ring.trySend('plugin:5', new Uint8Array(1)), { code: 'ECONNRESET' })
  },
)

await t.test('an end of no known layout is refused', async t => {
  const { port1 } = new MessageChannel()
  const end = { port: port1, memory: new SharedArrayBuffer(4096), chunks: 1 }
  await t.rejects(connect({ transport: end }), { code: 'EINVAL' })
  port1.close()
})
