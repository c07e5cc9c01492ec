import { existsSync, renameSync, rmSync, statSync } from 'node:fs'
import { open } from 'node:fs/promises'
import Sqlite from 'better-sqlite3'
import { APPLICATION_ID, migrate, migrations, type Migration } from './migrations.js'
import { createPrivateFile, makePrivate } from './private-file.js'
import { rowSum } from './seal.js'
import { damaged, StoreError, storeErrorFrom } from './store-error.js'

/** What a column holds. */
export type SqlValue = string | number | Uint8Array | null

/** Nobody else should be writing, so waiting longer would only hold up the caller. */
const BUSY_TIMEOUT_MS = 250
const WAL_BYTES_MAX = 64 * 1024 * 1024
/**
 * Pages in the write-ahead log at which a commit moves them into the file, and whoever waits for
 * it waits: a `Checkpointer` moves them long before that.
 */
const WAL_PAGES_MAX = 4_096

/** A prepared statement; every method throws a StoreError when SQLite fails. */
export class Statement<Params extends readonly SqlValue[], Row> {
  readonly #path: string
  readonly #statement: Sqlite.Statement<SqlValue[], Row>

  constructor(path: string, statement: Sqlite.Statement<SqlValue[], Row>) {
    this.#path = path
    this.#statement = statement
  }

  /** Runs it. @returns how many rows changed and the id of the row inserted last. */
  run(...params: Params): { readonly changes: number; readonly id: number } {
    return translated(this.#path, () => {
      const result = this.#statement.run(...params)
      return { changes: result.changes, id: Number(result.lastInsertRowid) }
    })
  }

  /** The first row. */
  get(...params: Params): Row | undefined {
    return translated(this.#path, () => this.#statement.get(...params))
  }

  /** All rows. */
  all(...params: Params): Row[] {
    return translated(this.#path, () => this.#statement.all(...params))
  }

  /** The rows one by one; nothing may be written until the last was taken. */
  *iterate(...params: Params): Generator<Row, void, undefined> {
    try {
      yield* this.#statement.iterate(...params)
    } catch (error) {
      throw storeErrorFrom(error, this.#path)
    }
  }
}

/**
 * An open SQLite file of this program. A change that was committed is on the disk
 * (`synchronous=FULL`), and every failure of SQLite is thrown as a StoreError.
 */
export class Database {
  readonly path: string
  readonly #sqlite: Sqlite.Database
  #commits = 0
  /** How many of them are on the disk for certain. */
  #synced = 0

  constructor(path: string, sqlite: Sqlite.Database) {
    this.path = path
    this.#sqlite = sqlite
  }

  /** How many transactions were committed so far. */
  get commits(): number {
    return this.#commits
  }

  /** Prepares a statement; Params and Row are what its author knows of its SQL. */
  prepare<Params extends readonly SqlValue[], Row = never>(sql: string): Statement<Params, Row> {
    return translated(
      this.path,
      () => new Statement<Params, Row>(this.path, this.#sqlite.prepare<SqlValue[], Row>(sql)),
    )
  }

  /**
   * Runs `work` in one transaction: committed when it returns, undone when it throws. Inside
   * another transaction it is a part of that one, which a throw undoes alone.
   */
  transaction<T>(work: () => T): T {
    const done = translated(this.path, () => this.#sqlite.transaction(work).immediate())
    if (!this.#sqlite.inTransaction) this.#commits++
    return done
  }

  /**
   * Like `transaction`, but does not wait for the disk: a power cut, though not a killed process,
   * may undo it. Inside another transaction it is as durable as that one.
   */
  relaxed<T>(work: () => T): T {
    if (this.#sqlite.inTransaction) return this.transaction(work)
    this.#sqlite.pragma('synchronous = NORMAL')
    try {
      return this.transaction(work)
    } finally {
      this.#sqlite.pragma('synchronous = FULL')
    }
  }

  /**
   * Waits until everything that was committed is on the disk, which `relaxed` did not do; others
   * get their turn meanwhile. SQLite has no lock on its write-ahead log that closing it would lose.
   */
  async synced(): Promise<void> {
    const commits = this.#commits
    if (commits === this.#synced) return
    try {
      const log = await open(`${this.path}-wal`)
      try {
        await log.datasync()
      } finally {
        await log.close()
      }
      this.#synced = Math.max(this.#synced, commits)
    } catch (error) {
      throw storeErrorFrom(error, this.path)
    }
  }

  /**
   * Waits for the disk no more: for a file that may be lost, since a power cut, though not a killed
   * process, may damage it. It must not be used with `relaxed`.
   */
  forgoSync(): void {
    this.#sqlite.pragma('synchronous = OFF')
  }

  /** Bytes of the file that hold something. */
  usedBytes(): number {
    return translated(this.path, () => {
      const pages = Number(this.#sqlite.pragma('page_count', { simple: true }))
      const free = Number(this.#sqlite.pragma('freelist_count', { simple: true }))
      return (pages - free) * Number(this.#sqlite.pragma('page_size', { simple: true }))
    })
  }

  /** How long the file is, without its write-ahead log. */
  bytes(): number {
    return translated(this.path, () => {
      const pages = Number(this.#sqlite.pragma('page_count', { simple: true }))
      return pages * Number(this.#sqlite.pragma('page_size', { simple: true }))
    })
  }

  /** Moves the write-ahead log into the file and empties it: for idle moments. */
  checkpoint(): void {
    translated(this.path, () => this.#sqlite.pragma('wal_checkpoint(TRUNCATE)'))
  }

  /** Checkpoints, unless it was opened only to be read, and closes; closing again changes nothing. */
  close(): void {
    if (!this.#sqlite.open) return
    try {
      if (!this.#sqlite.readonly) this.checkpoint()
    } finally {
      this.#sqlite.close()
    }
  }
}

/** How a database is looked over when it is opened; the quick one does not look at indexes. */
export type DatabaseCheck = 'integrity_check' | 'quick_check'

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
    // SQLite would remove the log of an empty file, and whatever is in it.
    if (statSync(path).size === 0) throw damaged(path, 'it is empty')
    sqlite = new Sqlite(path, { timeout: BUSY_TIMEOUT_MS })
    refuseForeign(path, sqlite)
    refuseDamaged(path, sqlite, steps, check)
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
    if (statSync(path).size === 0) throw damaged(path, 'it is empty')
    const sqlite = new Sqlite(path, { readonly: true, timeout: BUSY_TIMEOUT_MS })
    try {
      refuseForeign(path, sqlite)
      refuseDamaged(path, sqlite, steps, check)
      return Number(sqlite.pragma('user_version', { simple: true }))
    } finally {
      sqlite.close()
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

/** Statements can have SQLite compute the sum of a row. */
function withRowSum(sqlite: Sqlite.Database): void {
  sqlite.function('row_sum', { deterministic: true, varargs: true }, (...values: unknown[]) =>
    rowSum(...(values as [string, ...SqlValue[]])),
  )
}

function refuseForeign(path: string, sqlite: Sqlite.Database): void {
  if (sqlite.pragma('application_id', { simple: true }) === APPLICATION_ID) return
  const ours = sqlite.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'audit_head'").get()
  if (ours !== undefined) throw damaged(path, 'its header is not what was written')
  throw new StoreError(
    'foreign',
    `${path} is a database of another program: move it away or use another state folder`,
  )
}

function refuseDamaged(
  path: string,
  sqlite: Sqlite.Database,
  steps: readonly Migration[],
  check: DatabaseCheck,
): void {
  const version = Number(sqlite.pragma('user_version', { simple: true }))
  const shape = shapeOf(sqlite)
  if (version > steps.length && shape !== shapeAfter(steps)) {
    throw new StoreError(
      'newer',
      `${path} is of version ${version} and this program knows versions up to ${steps.length}: run the newer program, or put a copy of version ${steps.length} in its place`,
    )
  }
  const found = String(sqlite.pragma(`${check}(1)`, { simple: true }))
  if (found !== 'ok') throw damaged(path, found)
  if (version > steps.length || shape !== shapeAfter(steps.slice(0, version))) {
    throw damaged(path, `its tables are not those of version ${version}`)
  }
}

/** What tables, indexes and triggers there are; how SQLite spaces what it adds is its own affair. */
function shapeOf(sqlite: Sqlite.Database): string {
  const objects = sqlite
    .prepare<[], { type: string; name: string; tbl_name: string; sql: string | null }>(
      "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name <> 'sqlite_stat1' ORDER BY name",
    )
    .all()
  return JSON.stringify(
    objects.map(({ type, name, tbl_name: table, sql }) => [
      type,
      name,
      table,
      sql?.replace(/[\s"]+/g, ''),
    ]),
  )
}

/** The shape that these steps make. */
function shapeAfter(steps: readonly Migration[]): string {
  const sqlite = new Sqlite(':memory:')
  try {
    withRowSum(sqlite)
    for (const step of steps) sqlite.exec(step)
    return shapeOf(sqlite)
  } finally {
    sqlite.close()
  }
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

function translated<T>(path: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw storeErrorFrom(error, path)
  }
}
