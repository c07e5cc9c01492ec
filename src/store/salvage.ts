import { copyFileSync, existsSync, rmSync } from 'node:fs'
import Sqlite from 'better-sqlite3'
import type { Database, SqlValue } from './database.js'
import { LOG_ENDINGS, openDatabase } from './database-file.js'
import { fallbackPage, mendHeader } from './first-page.js'
import { decodePolicy } from './policy-body.js'
import { hashOf } from './revision-store.js'
import { rowSum, SEALED_COLUMNS, sealing, type SealedTable } from './seal.js'
import { makePrivate } from './private-file.js'
import { Sequence } from './sequence.js'
import { storeErrorFrom } from './store-error.js'

/** Something that could not be taken over. */
export interface Loss {
  readonly table: string
  /** Which row, as far as that is known. */
  readonly row: string
  readonly why: string
}

/** What became of a database. */
export interface Salvage {
  /** Rows that were taken over, by table. */
  readonly rows: Readonly<Record<string, number>>
  readonly losses: readonly Loss[]
  /** The highest number of a revision that anything speaks of. */
  readonly lastRevision: number
}

type Row = Record<string, SqlValue>

/** A table of integers: its gaps can be told. Domains come before what refers to them. */
const numbered: Readonly<Record<string, string>> = {
  domains: 'id',
  tokens: 'id',
  policies: 'revision',
  unconfirmed: 'only',
  grants: 'id',
  audit: 'seq',
}
const keyed: Readonly<Record<string, readonly string[]>> = {
  sequences: ['name'],
  counters: ['rule'],
  retired: ['action'],
  set_elements: ['name', 'element'],
  audit_modes: ['name'],
}
/** All but how sessions ended, on which nothing hangs. */
const TABLES = [...Object.keys(numbered), ...Object.keys(keyed)]
/** Rows between two that can be read are tried one by one, up to so many. */
const GAP_MAX = 100_000
/** A number further from all others than this was not handed out by this program. */
const NUMBER_STEP_MAX = 10_000

/**
 * Takes over what can be read of a damaged database into a new one of this version: table by
 * table, row by row, and no row that is not what was written.
 * @param from the database; it is not changed, and nobody else uses it.
 * @param to the new one, which must not exist.
 * @param scratch the beginning of names for working copies, which are removed again.
 * @throws StoreError when there is no room for the copies.
 */
export function salvage(from: string, to: string, scratch: string): Salvage {
  const source = openDamaged(from, scratch)
  try {
    const target = openDatabase(to)
    try {
      return target.transaction(() => new Taking(source, target).take())
    } finally {
      target.close()
    }
  } finally {
    source?.close()
    removeAll(scratch)
  }
}

class Taking {
  readonly #source: Sqlite.Database | undefined
  readonly #target: Database
  readonly #rows: Record<string, number> = {}
  readonly #losses: Loss[] = []
  #lastRevision = 0

  constructor(source: Sqlite.Database | undefined, target: Database) {
    this.#source = source
    this.#target = target
  }

  take(): Salvage {
    for (const table of TABLES) this.#takeTable(table)
    this.#takeHead()
    this.#raiseSequences()
    return { rows: this.#rows, losses: this.#losses, lastRevision: this.#lastRevision }
  }

  #takeTable(table: string): void {
    this.#rows[table] = 0
    const columns = this.#columnsOf(table)
    if (columns === undefined) return
    const marks = columns.map(() => '?').join(', ')
    const insert = this.#target.prepare<SqlValue[]>(
      `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${marks})`,
    )
    const key = numbered[table]
    const rows =
      key === undefined
        ? this.#readKeyed(table, columns, keyed[table] ?? [])
        : this.#readNumbered(table, columns, key)
    for (const row of rows) {
      const why = problemOf(table, row)
      if (table === 'policies') this.#noteRevision(row['revision'])
      if (table === 'audit') this.#noteRevision(row['revision_after'])
      if (why !== undefined) {
        this.#lose(table, rowName(table, row), why)
        continue
      }
      try {
        this.#target.transaction(() => insert.run(...columns.map(column => row[column] ?? null)))
        this.#rows[table]++
      } catch (error) {
        this.#lose(table, rowName(table, row), messageOf(error))
      }
    }
    // A database of before there were sums gets them here.
    if (table in SEALED_COLUMNS && !columns.includes('sum')) {
      sealing<[]>(this.#target, table as SealedTable, 'true').run()
    }
  }

  /** The columns that both have; undefined when the table can't be read at all. */
  #columnsOf(table: string): string[] | undefined {
    const wanted = this.#target
      .prepare<[string], { name: string }>('SELECT name FROM pragma_table_xinfo(?)')
      .all(table)
      .map(({ name }) => name)
    try {
      const there = this.#source
        ?.prepare<[string], string>('SELECT name FROM pragma_table_xinfo(?)')
        .pluck()
        .all(table)
      const columns = wanted.filter(name => there?.includes(name))
      if (columns.length > 0) return columns
      this.#lose(table, 'all rows', 'the table can not be found')
    } catch (error) {
      this.#lose(table, 'all rows', messageOf(error))
    }
    return undefined
  }

  *#readNumbered(table: string, columns: readonly string[], key: string): Generator<Row> {
    const select = `SELECT ${columns.join(', ')} FROM ${table} NOT INDEXED`
    let last = Number.MIN_SAFE_INTEGER
    let trouble: string | undefined
    for (const row of this.#each(`${select} WHERE ${key} > ? ORDER BY ${key}`, [last])) {
      if (typeof row === 'string') trouble = row
      else if (isNumber(row[key]) && row[key] > last) {
        last = row[key]
        yield row
      } else trouble = 'its number is not what was written'
      if (trouble !== undefined) break
    }
    if (trouble === undefined) return
    // From the other end, as far as that goes.
    const tail: Row[] = []
    let first = Number.MAX_SAFE_INTEGER
    for (const row of this.#each(`${select} WHERE ${key} > ? ORDER BY ${key} DESC`, [last])) {
      if (typeof row === 'string' || !isNumber(row[key]) || row[key] >= first) break
      first = row[key]
      tail.push(row)
    }
    const from = Math.max(last + 1, 1)
    const isOpen = tail.length === 0
    let lost = 0
    if (isOpen || first - from <= GAP_MAX) {
      const end = isOpen ? from + NUMBER_STEP_MAX : first
      for (let number = from; number < end; number++) {
        const [row] = this.#each(`${select} WHERE ${key} = ?`, [number])
        if (typeof row === 'object') yield row
        else if (row !== undefined || !isOpen) lost++
      }
    }
    const until = isOpen ? 'on' : `up to ${first - 1}`
    if (lost > 0 || isOpen) this.#lose(table, `some from ${from} ${until}`, trouble)
    yield* tail.toReversed()
  }

  *#readKeyed(table: string, columns: readonly string[], keys: readonly string[]): Generator<Row> {
    const select = `SELECT ${columns.join(', ')} FROM ${table} ORDER BY `
    const seen = new Set<string>()
    for (const order of ['', ' DESC']) {
      let trouble: string | undefined
      for (const row of this.#each(select + keys.map(key => key + order).join(', '), [])) {
        if (typeof row === 'string') {
          trouble = row
          break
        }
        const name = JSON.stringify(keys.map(key => row[key]))
        if (seen.has(name)) continue
        seen.add(name)
        yield row
      }
      if (trouble === undefined) return
      if (order !== '') this.#lose(table, 'some rows', trouble)
    }
  }

  /** Rows one by one; a text, and no more, where one can't be read. */
  *#each(sql: string, params: readonly number[]): Generator<Row | string> {
    try {
      const statement = this.#source?.prepare<unknown[], Row>(sql)
      if (statement !== undefined) yield* statement.iterate(...params)
    } catch (error) {
      yield messageOf(error)
    }
  }

  /**
   * The end of the audit log: what it was, or the last record where that says less. A log whose
   * end can't be known begins behind a record that is missing, and so can be told from a whole one.
   */
  #takeHead(): void {
    const [head] = this.#each('SELECT seq, hash FROM audit_head', [])
    const last = this.#target
      .prepare<[], Row>('SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1')
      .get()
    const isHead = typeof head === 'object' && isNumber(head['seq']) && isHash(head['hash'])
    const lastSeq = Number(last?.['seq'] ?? 0)
    const known = isHead && Number(head['seq']) >= lastSeq ? head : last
    const { seq, hash } = known ?? { seq: 1, hash: Buffer.alloc(32) }
    if (!isHead) this.#lose('audit_head', 'the only row', 'it can not be read')
    this.#target
      .prepare<SqlValue[]>('UPDATE audit_head SET seq = ?, hash = ?')
      .run(seq ?? 1, hash ?? Buffer.alloc(32))
  }

  #raiseSequences(): void {
    this.#target
      .prepare(
        `INSERT INTO sequences SELECT 'domain', ifnull(max(id), 0) FROM domains WHERE true
         ON CONFLICT (name) DO UPDATE SET last = max(last, excluded.last)`,
      )
      .run()
    this.#raiseTokenId()
    const newest = this.#target
      .prepare<[], { format: number; body: Uint8Array }>(
        'SELECT format, body FROM policies ORDER BY revision DESC LIMIT 1',
      )
      .get()
    const policy = newest && decodePolicy(newest.format, newest.body)
    if (policy === undefined || typeof policy === 'string') return
    const numbers = policy.rules.map(({ id }) => Number(/^r([0-9]{1,15})$/.exec(id)?.[1] ?? 0))
    new Sequence(this.#target, 'rule').raise(
      numbers.reduce((most, each) => Math.max(most, each), 0),
    )
  }

  /** SQLite counts the ids of tokens itself; those that are gone stay in the audit log. */
  #raiseTokenId(): void {
    const [row] = this.#each("SELECT seq FROM sqlite_sequence WHERE name = 'tokens'", [])
    const last = typeof row === 'object' ? row['seq'] : undefined
    const known = this.#target
      .prepare<[], { id: number }>('SELECT ifnull(max(id), 0) AS id FROM tokens')
      .get()!.id
    if (!isNumber(last) || last <= known || last > known + NUMBER_STEP_MAX) return
    this.#target.prepare("DELETE FROM sqlite_sequence WHERE name = 'tokens'").run()
    this.#target.prepare<[number]>("INSERT INTO sqlite_sequence VALUES ('tokens', ?)").run(last)
  }

  #noteRevision(value: SqlValue | undefined): void {
    if (!isNumber(value) || value > this.#lastRevision + NUMBER_STEP_MAX) return
    this.#lastRevision = Math.max(this.#lastRevision, value)
  }

  #lose(table: string, row: string, why: string): void {
    this.#losses.push({ table, row, why })
  }
}

/** Why a row is not what was written, or undefined. */
function problemOf(table: string, row: Row): string | undefined {
  if (table === 'policies') {
    const { body, hash } = row
    const fits = isBytes(body) && isBytes(hash) && hashOf(body).equals(hash)
    return fits ? undefined : 'it does not fit its hash'
  }
  const columns = SEALED_COLUMNS[table as SealedTable] as readonly string[] | undefined
  const sum = row['sum']
  if (columns === undefined || sum === undefined) return undefined
  const fits =
    isBytes(sum) && rowSum(table, ...columns.map(column => row[column] ?? null)).equals(sum)
  return fits ? undefined : 'it does not fit its sum'
}

/** Which row it is; nothing of it may be a secret. */
function rowName(table: string, row: Row): string {
  const keys = keyed[table] ?? [numbered[table] ?? '']
  const name = row['name']
  const shown = keys.map(key => String(row[key]))
  if (table === 'domains' && typeof name === 'string') shown.push(name)
  return shown.join(' ')
}

/**
 * Opens a copy of a damaged database so that as much as possible can be read: as it is; with the
 * header that every database of this program has; with the tables where this version puts them.
 */
function openDamaged(from: string, scratch: string): Sqlite.Database | undefined {
  let best: Sqlite.Database | undefined
  let most = 0
  for (const [index, mend] of [() => undefined, mendHeader, fallbackPage].entries()) {
    const path = `${scratch}${index}`
    copyState(from, path)
    mend(path)
    const { sqlite, tables } = tried(path)
    if (tables > most) {
      best?.close()
      best = sqlite
      most = tables
    } else {
      sqlite?.close()
    }
    if (most === TABLES.length) break
  }
  return best
}

function tried(path: string): { sqlite?: Sqlite.Database; tables: number } {
  let sqlite: Sqlite.Database | undefined
  try {
    sqlite = new Sqlite(path)
    sqlite.pragma('trusted_schema = OFF')
    sqlite.pragma('cell_size_check = ON')
    // A table whose SQL can't be read is then only that table's trouble.
    sqlite.pragma('writable_schema = ON')
    const known = sqlite
      .prepare<[], string>("SELECT name FROM sqlite_schema WHERE type = 'table'")
      .pluck()
      .all()
    return { sqlite, tables: TABLES.filter(table => known.includes(table)).length }
  } catch {
    sqlite?.close()
    return { tables: 0 }
  }
}

/** Copies a database and its write-ahead log, as far as they are there, for their owner alone. */
export function copyState(from: string, to: string): void {
  try {
    for (const ending of ['', '-wal']) {
      if (!existsSync(from + ending)) continue
      copyFileSync(from + ending, to + ending)
      makePrivate(to + ending)
    }
  } catch (error) {
    throw storeErrorFrom(error, to)
  }
}

function removeAll(scratch: string): void {
  for (const index of [0, 1, 2]) {
    for (const ending of ['', ...LOG_ENDINGS]) {
      rmSync(`${scratch}${index}${ending}`, { force: true })
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function isNumber(value: SqlValue | undefined): value is number {
  return Number.isSafeInteger(value)
}

function isBytes(value: SqlValue | undefined): value is Uint8Array {
  return value instanceof Uint8Array
}

function isHash(value: SqlValue | undefined): value is Uint8Array {
  return isBytes(value) && value.length === 32
}
