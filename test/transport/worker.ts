import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import t from 'tap'
import { connect } from '../../src/sdk/index.js'
import { attachWorker, type WorkerEnd } from '../../src/transport/worker.js'
import { TestHub } from '../fixtures/hub.js'
import { until } from '../fixtures/daemon.js'

function attach(test: TestHub, name: string): WorkerEnd {
  const outcome = attachWorker(test.hub, name)
  if (!outcome.ok) throw new Error(outcome.detail)
  return outcome.end
}

const sdk = new URL('../../src/sdk/index.js', import.meta.url).href
/** Sends back what it gets. */
const echo = `
const { parentPort, workerData } = require('node:worker_threads')
import(${JSON.stringify(sdk)}).then(async ({ connect }) => {
  const domain = await connect({ transport: workerData })
  const ring = await domain.bind(80)
  parentPort.postMessage('ready')
  for await (const datagram of ring) await datagram.reply(datagram.data)
})`

await t.test('a client in another thread sends and receives', async t => {
  const test = new TestHub(t)
  const end = attach(test, 'web')
  const worker = new Worker(echo, { eval: true, workerData: end, transferList: [end.port] })
  t.teardown(() => worker.terminate())
  await once(worker, 'message')
  const db = await connect({ transport: attach(test, 'db') })
  t.teardown(() => db.close())
  const payload = Buffer.alloc(100_000, 'v4v')
  for (let i = 0; i < 20; i++) {
    t.same(Buffer.from((await db.request('web:80', payload)).data), payload)
  }
  t.same(
    test.hub.sessions().map(({ domain, transport }) => `${domain} ${transport}`),
    ['web shared-memory', 'db shared-memory'],
  )
  await worker.terminate()
  await until(
    () => test.hub.sessions().length,
    count => count === 1,
  )
  t.pass('when the thread ends, so does its session')
})

await t.test('who closes is gone, and so is whom the daemon ends', async t => {
  const test = new TestHub(t)
  const first = await connect({ transport: attach(test, 'web') })
  await first.close()
  await until(
    () => test.hub.connectionCount,
    count => count === 0,
  )
  const second = await connect({ transport: attach(test, 'web') })
  test.hypervisor.kick(test.hypervisor.domainNamed('web')!, 'kicked', 'kicked')
  t.match((await second.closed)?.message, /kicked/)
  await until(
    () => test.hub.connectionCount,
    count => count === 0,
  )
})

await t.test('a domain that is not there, or has too much, has no client', async t => {
  const test = new TestHub(t, { sharedMemoryBytesPerDomainMax: 1 })
  t.match(attachWorker(test.hub, 'ghost'), { ok: false, code: 'ESRCH' })
  t.match(attachWorker(test.hub, 'web'), { ok: false, code: 'ENOSPC' })
  const closing = new TestHub(t)
  await closing.hub.close()
  t.match(attachWorker(closing.hub, 'web'), { ok: false, code: 'ENOSPC' })
})
