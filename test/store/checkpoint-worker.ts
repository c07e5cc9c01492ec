import { once } from 'node:events'
import { statSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import t from 'tap'
import { openTestDatabase } from './fixtures/open-test-store.js'

void t.test('each request is answered, also one that fails', async t => {
  const db = openTestDatabase(t)
  db.checkpoint()
  const length = statSync(db.path).size
  db.prepare<[string]>('INSERT INTO sequences VALUES (?, 1)').run('x'.repeat(50_000))
  const script = new URL('../../src/store/checkpoint-worker.js', import.meta.url)
  const worker = new Worker(script)
  t.teardown(() => worker.terminate())
  const ask = async (path: string): Promise<unknown> => {
    worker.postMessage({ path, isDurable: true })
    const [answer] = (await once(worker, 'message')) as [unknown]
    return answer
  }
  t.same(await ask(db.path), { failure: undefined })
  t.ok(statSync(db.path).size > length)
  t.match(await ask(`${db.path}.none`), { failure: /\.none/ })
})
