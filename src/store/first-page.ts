import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { LOG_ENDINGS, openDatabase } from './database-file.js'
import { APPLICATION_ID } from './migrations.js'

/** SQLite's own choice, which this program leaves as it is. */
const PAGE_BYTES = 4096
const MAGIC = 'SQLite format 3\0'
const HEADER_BYTES = 100

/**
 * Writes what the header of every database of this program says (sqlite.org/fileformat2.html, 1.3)
 * into the file at `path`, and leaves the rest.
 */
export function mendHeader(path: string): void {
  if (!existsSync(path)) return
  const bytes = readFileSync(path)
  if (bytes.length < HEADER_BYTES) return
  writeHeader(bytes)
  writeFileSync(path, bytes)
}

/**
 * The same, with the first page of a new database, which says where the tables are: right where
 * this version made the database. A file that is not there or has no whole page becomes a new one.
 */
export function fallbackPage(path: string): void {
  const fresh = `${path}-fresh`
  let whole: Buffer
  try {
    openDatabase(fresh).close()
    whole = readFileSync(fresh)
  } finally {
    for (const ending of ['', ...LOG_ENDINGS]) rmSync(fresh + ending, { force: true })
  }
  const bytes = existsSync(path) ? readFileSync(path) : Buffer.alloc(0)
  if (bytes.length < PAGE_BYTES) {
    writeFileSync(path, whole)
    return
  }
  whole.copy(bytes, 0, 0, PAGE_BYTES)
  writeHeader(bytes)
  writeFileSync(path, bytes)
}

function writeHeader(bytes: Buffer): void {
  bytes.write(MAGIC, 0, 'latin1')
  bytes.writeUInt16BE(PAGE_BYTES, 16)
  // Written by way of a write-ahead log, no bytes reserved, and the fractions that there are.
  bytes.set([2, 2, 0, 64, 32, 32], 18)
  // With a change counter that is not that of the page count, SQLite goes by the file's length.
  bytes.writeUInt32BE(1, 24)
  bytes.writeUInt32BE(0, 92)
  // No free pages; the schema's format, its cache, vacuuming, the encoding.
  bytes.fill(0, 32, 40)
  bytes.writeUInt32BE(4, 44)
  bytes.fill(0, 52, 56)
  bytes.writeUInt32BE(1, 56)
  bytes.fill(0, 64, 68)
  bytes.writeUInt32BE(APPLICATION_ID, 68)
}
