import { statSync } from 'node:fs'
import Sqlite from 'better-sqlite3'
import { APPLICATION_ID, type Migration } from './migrations.js'
import { withRowSum } from './seal.js'
import { damaged, StoreError } from './store-error.js'

/** How a database is looked over when it is opened; the quick one does not look at indexes. */
export type DatabaseCheck = 'integrity_check' | 'quick_check'

/** Nobody else should be writing, so waiting longer would only hold up the caller. */
export const BUSY_TIMEOUT_MS = 250

/** @throws StoreError for a file of which nothing is left: SQLite would remove its log. */
export function refuseEmpty(path: string): void {
  if (statSync(path).size === 0) throw damaged(path, 'it is empty')
}

/**
 * Connects to a database that is there and looks it over: the one way to judge whether a daemon can
 * start with it. It writes nothing, but the connection is one that could: in one that only reads,
 * SQLite leaves out what the tables say that values have to be.
 * @param steps the schema's history.
 * @throws StoreError corrupt, foreign, newer; or what SQLite throws.
 */
export function connectChecked(
  path: string,
  steps: readonly Migration[],
  check: DatabaseCheck,
): Sqlite.Database {
  refuseEmpty(path)
  const sqlite = new Sqlite(path, { timeout: BUSY_TIMEOUT_MS })
  try {
    refuseForeign(path, sqlite)
    refuseDamaged(path, sqlite, steps, check)
    return sqlite
  } catch (error) {
    sqlite.close()
    throw error
  }
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
  // SQLite looks at rows by what the tables say of them, which so has to be right.
  if (version > steps.length || shape !== shapeAfter(steps.slice(0, version))) {
    throw damaged(path, `its tables are not those of version ${version}`)
  }
  const found = String(sqlite.pragma(`${check}(1)`, { simple: true }))
  if (found !== 'ok') throw damaged(path, found)
  enterTrees(sqlite)
}

// SQLite's check passes over the first page of an empty index that says it has pages below it, and
// whoever looks into that index fails. Who looks into all of them knows.
function enterTrees(sqlite: Sqlite.Database): void {
  const trees = sqlite
    .prepare<[], { type: string; name: string; tbl_name: string; sql: string | null }>(
      "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE type IN ('table', 'index')",
    )
    .all()
  for (const { type, name, tbl_name: table, sql } of trees) {
    const where = /\bWHERE\b.*/is.exec(sql ?? '')?.[0] ?? ''
    const from =
      type === 'table' ? `"${name}" NOT INDEXED` : `"${table}" INDEXED BY "${name}" ${where}`
    sqlite.prepare(`SELECT 1 FROM ${from} LIMIT 1`).get()
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
