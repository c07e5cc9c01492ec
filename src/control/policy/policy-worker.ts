import { parentPort, workerData } from 'node:worker_threads'
import { ownThread, stepBack } from '../../native/thread-priority.js'
import { InquiryTasks } from './inquiry-tasks.js'
import { ownBuffers } from './own-buffers.js'
import type { InquirySetting, Prepared, PrepareRefusal, Setting } from './policy-messages.js'
import { PolicyTasks } from './policy-tasks.js'
import type { ThreadAnswer, ThreadBegun, ThreadRequest } from './policy-thread.js'

// A thread that works on policies: it does one task after the other, in the order it is asked.
stepBack()
parentPort?.postMessage({ thread: ownThread() } satisfies ThreadBegun)
const setting = workerData as Setting | InquirySetting
const tasks = setting.kind === 'changes' ? new PolicyTasks(setting) : new InquiryTasks(setting)

parentPort?.on('message', ({ seq, task, params }: ThreadRequest) => {
  const answered = (result: unknown): void => {
    const handedOver =
      task === 'prepare' ? buffersOf(result as Prepared | PrepareRefusal) : ownBuffers(result)
    parentPort?.postMessage({ seq, result } satisfies ThreadAnswer, handedOver)
  }
  const failed = (error: unknown): void => {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
    parentPort?.postMessage({ seq, error: text } satisfies ThreadAnswer)
  }
  try {
    const work = tasks[task as keyof typeof tasks] as (...params: readonly unknown[]) => unknown
    const result = work.apply(tasks, params as unknown[])
    if (result instanceof Promise) result.then(answered, failed)
    else answered(result)
  } catch (error) {
    failed(error)
  }
})

/** What of a policy that is ready the daemon takes as it is. */
function buffersOf(prepared: Prepared | PrepareRefusal): ArrayBuffer[] {
  return prepared.ok ? ownBuffers([prepared.table, prepared.change]) : []
}
