import { open } from 'node:fs/promises'
import type Sqlite from 'better-sqlite3'
import { storeErrorFrom } from './store-error.js'

/** What a column holds. */
export type SqlValue = string | number | Uint8Array | null

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

/** Runs what uses SQLite or the file system. @throws StoreError for what they throw about `path`. */
export function translated<T>(path: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw storeErrorFrom(error, path)
  }
}
