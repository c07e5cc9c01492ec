import { parentPort } from 'node:worker_threads'
import { stepBack } from '../native/thread-priority.js'
import { moveLog } from './database.js'

/** A database whose write-ahead log is to be moved. */
export interface CheckpointRequest {
  readonly path: string
  readonly isDurable: boolean
}

export interface CheckpointAnswer {
  /** Why it could not be moved. */
  readonly failure: string | undefined
}

// The thread that moves write-ahead logs into their databases.
stepBack()
parentPort?.on('message', ({ path, isDurable }: CheckpointRequest) => {
  let failure: string | undefined
  try {
    moveLog(path, isDurable)
  } catch (error) {
    failure = (error as Error).message
  }
  parentPort?.postMessage({ failure } satisfies CheckpointAnswer)
})
