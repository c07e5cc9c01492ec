import { createHash } from 'node:crypto'
import type Sqlite from 'better-sqlite3'
import type { Database, SqlValue, Statement } from './database.js'

/**
 * Tables whose rows let somebody do something, and what of them does: SQLite has no sums over its
 * pages, so that a bit that flips on the disk could let others do it, or everyone (`*`). The policy
 * and the audit log have hashes of their own.
 */
export const SEALED_COLUMNS = {
  domains: ['id', 'name', 'tags', 'enabled'],
  tokens: ['id', 'domain', 'role', 'hash', 'expires_at', 'revoked_at'],
  set_elements: ['name', 'element', 'expires_at'],
  audit_modes: ['name'],
  grants: ['id', 'source', 'source_port', 'destination', 'port', 'type', 'since', 'expires'],
} as const

export type SealedTable = keyof typeof SEALED_COLUMNS
const SEALED_TABLES = Object.keys(SEALED_COLUMNS) as SealedTable[]

/** How what a row of each of them is is told to a person; none of it is a secret. */
const names: Readonly<Record<SealedTable, string>> = {
  domains: `'domain ' || name`,
  tokens: `'token ' || id`,
  set_elements: `'element ' || element || ' of set ' || name`,
  audit_modes: `'audit mode of ' || name`,
  grants: `'grant ' || id || ' from ' || source || ' to ' || destination`,
}

const SUM_BYTES = 8

/**
 * A sum over a row, to tell damage by: whoever can write to the file can compute it, too.
 * @param table so that no row fits another table.
 */
export function rowSum(table: string, ...values: readonly SqlValue[]): Buffer {
  const text = JSON.stringify(values.map(value => (isBytes(value) ? hexOf(value) : value)))
  return createHash('sha256').update(table).update(text).digest().subarray(0, SUM_BYTES)
}

/** Lets the statements of a connection compute the sum of a row, as `row_sum`. */
export function withRowSum(sqlite: Sqlite.Database): void {
  sqlite.function('row_sum', { deterministic: true, varargs: true }, (...values: unknown[]) =>
    rowSum(...(values as [string, ...SqlValue[]])),
  )
}

/** The SQL for the sum that the row it is used on should have. */
export function sumSql(table: SealedTable): string {
  return `row_sum('${table}', ${SEALED_COLUMNS[table].join(', ')})`
}

/**
 * Writes the sum of rows that were inserted or changed: in the same transaction.
 * @param where which, such as `id = ?`.
 */
export function sealing<Params extends readonly SqlValue[]>(
  db: Database,
  table: SealedTable,
  where: string,
): Statement<Params, never> {
  return db.prepare(`UPDATE ${table} SET sum = ${sumSql(table)} WHERE ${where}`)
}

/** Rows that are not what was written, by table, in words for a person. */
export function unsoundRows(db: Database): Map<SealedTable, string[]> {
  const found = new Map<SealedTable, string[]>()
  for (const table of SEALED_TABLES) {
    // Not by an index, which may be what is damaged.
    const rows = db
      .prepare<[], { name: string | null }>(
        `SELECT ${names[table]} AS name FROM ${table} NOT INDEXED WHERE sum <> ${sumSql(table)}`,
      )
      .all()
    if (rows.length > 0)
      found.set(
        table,
        rows.map(({ name }) => name ?? `a row of ${table}`),
      )
  }
  return found
}

/**
 * Removes rows that are not what was written, so that they let nobody do anything.
 * @returns what they were, in words for a person.
 */
export function dropUnsound(db: Database): string[] {
  const found = unsoundRows(db)
  for (const table of found.keys()) {
    db.prepare(`DELETE FROM ${table} NOT INDEXED WHERE sum <> ${sumSql(table)}`).run()
  }
  return [...found.values()].flat()
}

function isBytes(value: SqlValue): value is Uint8Array {
  return value instanceof Uint8Array
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
