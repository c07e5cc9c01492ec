import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import type { AuditEntry } from '../../store/audit-store.js'
import { DATABASE_FILE, type StoreOptions } from '../../store/store.js'
import { StoreError } from '../../store/store-error.js'

/** What a change of a state folder says of whoever makes it, by having access to its files. */
export function fileAuthor(): Pick<AuditEntry, 'actor' | 'auth' | 'origin'> {
  const uid = process.getuid?.()
  return {
    actor: `user:${userName() ?? uid ?? 'unknown'}`,
    auth: 'file',
    origin: `uid ${uid ?? '-'}`,
  }
}

/** What a store in a state folder is opened with, without a daemon. */
export const offlineOptions: StoreOptions = { now: () => Date.now(), randomBytes }

/**
 * The database of a state folder.
 * @throws StoreError when there is none, so that none is made.
 */
export function databaseIn(dir: string): string {
  const path = join(dir, DATABASE_FILE)
  if (existsSync(path) || existsSync(`${path}-wal`)) return path
  throw new StoreError('not-writable', `there is no ${path}: name the state folder with --state`)
}

// A user that nobody has written down has no name.
function userName(): string | undefined {
  try {
    return userInfo().username
  } catch {
    return undefined
  }
}
