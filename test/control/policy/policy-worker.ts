import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import t from 'tap'
import { revisionOf } from '../../store/fixtures/rules.js'

void t.test(
  'a thread says which it is, and each request is answered under its number, also one that fails',
  async t => {
    const { format, body } = revisionOf('a')
    const script = new URL('../../../src/control/policy/policy-worker.js', import.meta.url)
    const worker = new Worker(script, {
      workerData: {
        kind: 'changes',
        inForce: { format, body },
        revision: 3,
        lastRuleNumber: 0,
        rulesMax: 9,
      },
    })
    t.teardown(() => worker.terminate())
    const ask = async (message: object): Promise<unknown> => {
      worker.postMessage(message)
      const [answer] = (await once(worker, 'message')) as [unknown]
      return answer
    }
    t.strictSame(Object.keys(((await once(worker, 'message')) as [object])[0]), ['thread'])
    t.match(await ask({ seq: 1, task: 'view', params: [false] }), {
      seq: 1,
      result: { revision: 3 },
    })
    const unreadable = { revision: 2, format: 9, body: Buffer.from('{}') }
    t.match(await ask({ seq: 2, task: 'view', params: [false, unreadable] }), {
      seq: 2,
      error: /can't be read/,
    })
    t.match(await ask({ seq: 3, task: 'discard', params: [] }), { seq: 3 })
    const options = { now: 0, skipTests: false }
    const removal = { seq: 4, task: 'prepare', params: [{ kind: 'remove', id: 'a' }, options] }
    t.match(await ask(removal), { result: { ok: true, change: { gone: { 0: 0, length: 1 } } } })
    t.match(await ask({ ...removal, seq: 5, params: [{ kind: 'remove', id: 'x' }, options] }), {
      result: { ok: false, code: 'ENOENT' },
    })
  },
)
