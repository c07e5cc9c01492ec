import { checkState, type StateCheck } from './control/state/check-state.js'
import { databaseIn } from './control/state/state-author.js'
import { copyDatabase } from './store/database-file.js'
import { lockState } from './store/state-lock.js'
import { StoreError } from './store/store-error.js'

export type { KeptRevision, StateCheck, StateFinding } from './control/state/check-state.js'
export { repairState, restoreState, type Repair } from './control/state/repair-state.js'
export {
  makeRootToken,
  stateDocuments,
  stateRevisions,
  useRevision,
} from './control/state/state-edit.js'
export { StoreError } from './store/store-error.js'

/**
 * Looks at a state folder that no daemon runs on.
 * @returns undefined when one does: it is the one to be asked.
 * @throws StoreError when the folder can't be written.
 */
export function checkIdleState(dir: string): StateCheck | undefined {
  try {
    const lock = lockState(dir)
    try {
      return checkState(dir)
    } finally {
      lock.release()
    }
  } catch (error) {
    if (error instanceof StoreError && error.failure === 'locked') return undefined
    throw error
  }
}

/**
 * Copies the database of a state folder as it is now; a daemon may run.
 * @throws StoreError when there is something of that name, or no room, or the database is damaged.
 */
export function backUpState(dir: string, to: string): void {
  copyDatabase(databaseIn(dir), to)
}
