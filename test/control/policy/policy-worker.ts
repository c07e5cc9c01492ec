import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import t from 'tap'
import { revisionOf } from '../../store/fixtures/rules.js'

void t.test('each request is answered under its number, also one that fails', async t => {
  const { format, body } = revisionOf('a')
  const script = new URL('../../../src/control/policy/policy-worker.js', import.meta.url)
  const worker = new Worker(script, {
    workerData: { inForce: { format, body }, revision: 3, lastRuleNumber: 0, rulesMax: 9 },
  })
  t.teardown(() => worker.terminate())
  const ask = async (message: object): Promise<unknown> => {
    worker.postMessage(message)
    const [answer] = (await once(worker, 'message')) as [unknown]
    return answer
  }
  t.match(await ask({ seq: 1, task: 'view', params: [false] }), { seq: 1, result: { revision: 3 } })
  t.match(await ask({ seq: 2, task: 'piece', params: [0] }), { seq: 2, error: /candidate/ })
  t.match(await ask({ seq: 3, task: 'discard', params: [] }), { seq: 3 })
})
