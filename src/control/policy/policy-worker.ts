import { parentPort, workerData } from 'node:worker_threads'
import { ownBuffers } from './own-buffers.js'
import type { Prepared, PrepareRefusal, Setting } from './policy-messages.js'
import { PolicyTasks } from './policy-tasks.js'
import type { ThreadAnswer, ThreadRequest } from './policy-thread.js'

// The thread that works on policies: it does one task after the other, in the order it is asked.
const tasks = new PolicyTasks(workerData as Setting)

parentPort?.on('message', ({ seq, task, params }: ThreadRequest) => {
  let answer: ThreadAnswer
  let handedOver: ArrayBuffer[] = []
  try {
    const work = tasks[task] as (...params: readonly unknown[]) => unknown
    const result = work.apply(tasks, params as unknown[])
    answer = { seq, result }
    if (task === 'prepare') handedOver = buffersOf(result as Prepared | PrepareRefusal)
  } catch (error) {
    answer = { seq, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }
  }
  parentPort?.postMessage(answer, handedOver)
})

/** What of a policy that is ready the daemon takes as it is. */
function buffersOf(prepared: Prepared | PrepareRefusal): ArrayBuffer[] {
  return prepared.ok ? ownBuffers([prepared.table, prepared.change]) : []
}
