import { parentPort, workerData } from 'node:worker_threads'
import { copyDatabase } from '../../store/database-file.js'
import { databaseIn } from './state-author.js'
import { checkState, type StateCheck } from './check-state.js'

/** What is asked of the thread, which does that and ends. */
export interface StateRequest {
  readonly dir: string
  /** Where a copy of the database goes; without it the folder is looked at. */
  readonly copyTo?: string | undefined
}

export type StateAnswer = { readonly check: StateCheck | undefined } | { readonly failure: string }

if (parentPort !== null) {
  const { dir, copyTo } = workerData as StateRequest
  let answer: StateAnswer
  try {
    if (copyTo !== undefined) copyDatabase(databaseIn(dir), copyTo)
    answer = { check: copyTo === undefined ? checkState(dir) : undefined }
  } catch (error) {
    answer = { failure: error instanceof Error ? error.message : String(error) }
  }
  parentPort.postMessage(answer)
}
