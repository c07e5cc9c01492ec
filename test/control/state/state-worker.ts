import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { once } from 'node:events'
import t from 'tap'
import { viewState } from '../../../src/store/state-view.js'
import type { StateAnswer, StateRequest } from '../../../src/control/state/state-worker.js'
import { stateDir } from '../../fixtures/state-dir.js'
import { fillStore } from '../../store/fixtures/fill-store.js'
import { openTestStore } from '../../store/fixtures/open-test-store.js'

async function asked(request: StateRequest): Promise<StateAnswer> {
  const script = new URL('../../../src/control/state/state-worker.js', import.meta.url)
  const worker = new Worker(script, { workerData: request })
  const [answer] = (await once(worker, 'message')) as [StateAnswer]
  await worker.terminate()
  return answer
}

void t.test('the thread looks, or copies, or says why it can not', async t => {
  const { store, path } = openTestStore(t)
  fillStore(store)
  const dir = dirname(path)
  t.match(await asked({ dir }), { check: { revision: 3 } })
  const copyTo = join(stateDir(t), 'copy')
  t.match(await asked({ dir, copyTo }), { check: undefined })
  const view = viewState(copyTo)
  t.equal(view?.policies.currentRevision(), 3)
  view?.close()
  writeFileSync(copyTo, 'something else')
  t.match(await asked({ dir, copyTo }), { failure: /copy/ })
})
