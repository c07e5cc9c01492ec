import { chmodSync, chownSync, closeSync, openSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { storeErrorFrom } from './store-error.js'

const OWNER_ONLY = 0o600
const OTHERS = 0o077

/**
 * Creates an empty file that only its owner can read, unless there is one. A file that exists is
 * never opened: closing it again would release the locks this process may hold on it through
 * SQLite (fcntl(2)). What root creates belongs to whom its folder does: a daemon that runs as
 * another user has to read it after a repair.
 * @throws StoreError when it can't be created.
 */
export function createPrivateFile(path: string): void {
  try {
    closeSync(openSync(path, 'wx', OWNER_ONLY))
    if (process.geteuid?.() === 0) {
      const { uid, gid } = statSync(dirname(path))
      chownSync(path, uid, gid)
    }
  } catch (error) {
    const exists = error instanceof Error && 'code' in error && error.code === 'EEXIST'
    if (!exists) throw storeErrorFrom(error, path)
  }
}

/**
 * Takes everyone else's rights to a file away.
 * @throws StoreError when this user may not do so.
 */
export function makePrivate(path: string): void {
  try {
    if ((statSync(path).mode & OTHERS) !== 0) chmodSync(path, OWNER_ONLY)
  } catch (error) {
    throw storeErrorFrom(error, path)
  }
}
