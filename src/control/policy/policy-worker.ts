import { parentPort, workerData } from 'node:worker_threads'
import type { Setting } from './policy-messages.js'
import { PolicyTasks } from './policy-tasks.js'
import type { ThreadAnswer, ThreadRequest } from './policy-thread.js'

// The thread that works on policies: it does one task after the other, in the order it is asked.
const tasks = new PolicyTasks(workerData as Setting)

parentPort?.on('message', ({ seq, task, params }: ThreadRequest) => {
  const answer = (said: ThreadAnswer): void => parentPort?.postMessage(said)
  const failed = (error: unknown): void =>
    answer({ seq, error: error instanceof Error ? (error.stack ?? error.message) : String(error) })
  try {
    const work = tasks[task] as (...params: readonly unknown[]) => unknown
    const result = work.apply(tasks, params as unknown[])
    if (result instanceof Promise) result.then(each => answer({ seq, result: each }), failed)
    else answer({ seq, result })
  } catch (error) {
    failed(error)
  }
})
