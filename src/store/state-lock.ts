import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { createPrivateFile, makePrivate } from './private-file.js'
import { StoreError, storeErrorFrom } from './store-error.js'

/** The file in the state folder whose lock says that a daemon runs on it; it stays empty. */
export const LOCK_FILE = 'v4vd.lock'

/** How long a daemon that was just killed may take to let go. */
const WAIT_MS = 250

/** A state folder held by this process. */
export interface StateLock {
  /** Lets go of the folder; doing so again changes nothing. */
  release(): void
}

/** Referred to until they are released: a connection that is collected lets go of its lock. */
const held = new Set<Sqlite.Database>()

/**
 * Holds a state folder for this process alone. The lock is SQLite's on an empty database, thus
 * the kernel's: it ends with the process however that ends, and no stale file can block a start.
 * @param folder exists and is writable.
 * @throws StoreError 'locked' when another daemon runs on the folder, in this process or another;
 *   'not-writable' when the lock file can't be made.
 */
export function lockState(folder: string): StateLock {
  const path = join(folder, LOCK_FILE)
  createPrivateFile(path)
  makePrivate(path)
  let sqlite: Sqlite.Database | undefined
  try {
    sqlite = new Sqlite(path, { timeout: WAIT_MS })
    sqlite.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    sqlite?.close()
    const known = storeErrorFrom(error, path)
    if (!(known instanceof StoreError && known.failure === 'locked')) throw known
    throw new StoreError(
      'locked',
      `another daemon is running on ${folder}: stop it, or use another state folder`,
      { cause: error },
    )
  }
  const connection = sqlite
  held.add(connection)
  return {
    release() {
      held.delete(connection)
      connection.close()
    },
  }
}
