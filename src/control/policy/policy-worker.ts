import { parentPort, workerData } from 'node:worker_threads'
import type { Setting } from './policy-messages.js'
import { PolicyTasks } from './policy-tasks.js'
import type { ThreadAnswer, ThreadRequest } from './policy-thread.js'

// The thread that works on policies: it does one task after the other, in the order it is asked.
const tasks = new PolicyTasks(workerData as Setting)

parentPort?.on('message', ({ seq, task, params }: ThreadRequest) => {
  let answer: ThreadAnswer
  try {
    const work = tasks[task] as (...params: readonly unknown[]) => unknown
    answer = { seq, result: work.apply(tasks, params as unknown[]) }
  } catch (error) {
    answer = { seq, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }
  }
  parentPort?.postMessage(answer)
})
