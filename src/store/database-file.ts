import { existsSync, renameSync, rmSync } from 'node:fs'
import Sqlite from 'better-sqlite3'
import { Database, translated } from './database.js'
import {
  BUSY_TIMEOUT_MS,
  connectChecked,
  refuseEmpty,
  type DatabaseCheck,
} from './database-check.js'
import { APPLICATION_ID, migrate, migrations, type Migration } from './migrations.js'
import { createPrivateFile, makePrivate } from './private-file.js'
import { withRowSum } from './seal.js'
import { damaged, StoreError, storeErrorFrom } from './store-error.js'

const WAL_BYTES_MAX = 64 * 1024 * 1024
/**
 * Pages in the write-ahead log at which a commit moves them into the file, and whoever waits for
 * it waits: a `Checkpointer` moves them long before that.
 */
const WAL_PAGES_MAX = 4_096

/** What SQLite puts beside a database. */
export const LOG_ENDINGS = ['-wal', '-shm'] as const

/**
 * Opens the database, creating it (mode 0600) or bringing it to this version where needed. It is
 * checked before anything in it is changed.
 * @param steps the schema's history; all of it unless a test says otherwise.
 * @throws StoreError not-writable, corrupt, foreign, newer, locked, full.
 */
export function openDatabase(
  path: string,
  steps: readonly Migration[] = migrations,
  check: DatabaseCheck = 'integrity_check',
): Database {
  if (!existsSync(path)) create(path, steps, check)
  return openExisting(path, steps, check)
}

// Under another name until it is whole: an empty file in its place is one that was cut short, and
// not a new one, with which everything would begin anew.
function create(path: string, steps: readonly Migration[], check: DatabaseCheck): void {
  if (existsSync(`${path}-wal`)) {
    throw damaged(path, 'it is gone, and only its write-ahead log is there')
  }
  const unfinished = `${path}.new`
  try {
    for (const ending of ['', ...LOG_ENDINGS]) rmSync(unfinished + ending, { force: true })
    createPrivateFile(unfinished)
    mark(unfinished)
    openExisting(unfinished, steps, check).close()
    renameSync(unfinished, path)
  } catch (error) {
    throw storeErrorFrom(error, path)
  }
}

/** Makes an empty file a database of this program. */
function mark(path: string): void {
  const sqlite = new Sqlite(path)
  try {
    sqlite.pragma(`application_id = ${APPLICATION_ID}`)
  } finally {
    sqlite.close()
  }
}

function openExisting(path: string, steps: readonly Migration[], check: DatabaseCheck): Database {
  let sqlite: Sqlite.Database | undefined
  try {
    sqlite = connectChecked(path, steps, check)
    makePrivate(path)
    withRowSum(sqlite)
    configure(path, sqlite)
    migrate(path, sqlite, steps)
    return new Database(path, sqlite)
  } catch (error) {
    sqlite?.close()
    throw storeErrorFrom(error, path)
  }
}

/**
 * Opens a database that is there only to read it, while another connection may write.
 * @throws StoreError
 */
export function readDatabase(path: string): Database {
  return translated(path, () => {
    const sqlite = new Sqlite(path, { readonly: true, timeout: BUSY_TIMEOUT_MS })
    withRowSum(sqlite)
    return new Database(path, sqlite)
  })
}

/**
 * Looks a database over as `openDatabase` does, and changes nothing, while another connection may
 * write.
 * @returns the version of its tables.
 * @throws StoreError
 */
export function checkDatabase(
  path: string,
  steps: readonly Migration[] = migrations,
  check: DatabaseCheck = 'integrity_check',
): number {
  return translated(path, () => {
    refuseEmpty(path)
    // The last connection that could write empties the log into the file when it is closed: this one
    // is there until after it, and holds the file from its first read on.
    const holder = new Sqlite(path, { readonly: true, timeout: BUSY_TIMEOUT_MS })
    try {
      holder.pragma('schema_version')
      const sqlite = connectChecked(path, steps, check)
      try {
        return Number(sqlite.pragma('user_version', { simple: true }))
      } finally {
        sqlite.close()
      }
    } finally {
      holder.close()
    }
  })
}

/**
 * Writes a copy of a database as it is now, without a log beside it, while another connection may
 * write: all of it, or none.
 * @param to nobody but its owner can read it.
 * @throws StoreError also when there is something of that name.
 */
export function copyDatabase(path: string, to: string): void {
  if (existsSync(to)) throw new StoreError('not-writable', `${to} is there already: name another`)
  createPrivateFile(to)
  let isWhole = false
  try {
    const sqlite = new Sqlite(path, { readonly: true, timeout: BUSY_TIMEOUT_MS })
    try {
      sqlite.prepare('VACUUM INTO ?').run(to)
      isWhole = true
    } finally {
      sqlite.close()
    }
  } catch (error) {
    const problem = storeErrorFrom(error, to)
    const isSource = problem instanceof StoreError && problem.failure === 'corrupt'
    throw isSource ? storeErrorFrom(error, path) : problem
  } finally {
    if (!isWhole) rmSync(to, { force: true })
  }
}

/**
 * Moves what is in the write-ahead log of a database into it, as far as nobody needs it there,
 * while another connection goes on writing: for another thread.
 * @param isDurable whether the file has to wait for the disk.
 * @throws StoreError
 */
export function moveLog(path: string, isDurable: boolean): void {
  translated(path, () => {
    const sqlite = new Sqlite(path, { fileMustExist: true, timeout: BUSY_TIMEOUT_MS })
    try {
      if (!isDurable) sqlite.pragma('synchronous = OFF')
      sqlite.pragma('wal_checkpoint(PASSIVE)')
    } finally {
      sqlite.close()
    }
  })
}

function configure(path: string, sqlite: Sqlite.Database): void {
  sqlite.pragma('trusted_schema = OFF')
  sqlite.pragma('foreign_keys = ON')
  const mode = sqlite.pragma('journal_mode = WAL', { simple: true })
  if (mode !== 'wal') {
    throw new StoreError(
      'failed',
      `${path} is on a file system without the shared memory that SQLite's write-ahead log needs: use a local disk`,
    )
  }
  sqlite.pragma('synchronous = FULL')
  sqlite.pragma(`journal_size_limit = ${WAL_BYTES_MAX}`)
  sqlite.pragma(`wal_autocheckpoint = ${WAL_PAGES_MAX}`)
  // A file that can only be read is opened without complaint; this is where it shows.
  sqlite.exec('BEGIN IMMEDIATE; COMMIT')
}
