import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import Sqlite from 'better-sqlite3'
import t from 'tap'
import { copyDatabase, moveLog, openDatabase } from '../../src/store/database-file.js'
import { migrations } from '../../src/store/migrations.js'
import { DATABASE_FILE } from '../../src/store/store.js'
import { openTestDatabase } from './fixtures/open-test-store.js'
import { newPath, pragma, usedPath } from './fixtures/used-database.js'

/** Runs `work` as a user who may read the folder but not write to it; modes don't stop root. */
function asReader(folder: string, work: () => void): void {
  const root = process.geteuid?.() === 0
  chmodSync(folder, 0o555)
  if (root) process.seteuid?.(65_534)
  try {
    work()
  } finally {
    if (root) process.seteuid?.(0)
    chmodSync(folder, 0o755)
  }
}

await t.test('a new database is private and set up to keep what it acknowledged', async t => {
  const db = openTestDatabase(t)
  t.equal(statSync(db.path).mode & 0o777, 0o600)
  t.equal(statSync(`${db.path}-wal`).mode & 0o777, 0o600)
  t.equal(pragma(db, 'journal_mode'), 'wal')
  t.equal(pragma(db, 'synchronous'), 2)
  t.equal(pragma(db, 'foreign_keys'), 1)
  t.equal(pragma(db, 'trusted_schema'), 0)
  t.equal(pragma(db, 'journal_size_limit'), 64 * 1024 * 1024)
  t.equal(pragma(db, 'busy_timeout'), 250)
  t.equal(pragma(db, 'user_version'), migrations.length)
})

await t.test('closing leaves one file with everything in it, and may be repeated', async t => {
  const path = usedPath(t)
  t.notOk(existsSync(`${path}-wal`))
  const db = openDatabase(path)
  t.same(db.prepare('SELECT count(*) AS n FROM sequences').get(), { n: 2000 })
  db.close()
  db.close()
})

await t.test('a file that others could read is taken from them', async t => {
  const path = usedPath(t)
  chmodSync(path, 0o644)
  openDatabase(path).close()
  t.equal(statSync(path).mode & 0o777, 0o600)
})

await t.test('a creation that was cut off is begun anew', async t => {
  const path = newPath(t)
  writeFileSync(`${path}.new`, 'half a database')
  writeFileSync(`${path}.new-wal`, 'and its log')
  const db = openDatabase(path)
  t.equal(pragma(db, 'user_version'), migrations.length)
  db.close()
  t.same(readdirSync(dirname(path)), [DATABASE_FILE])
})

await t.test('a place that can not be written is refused', async t => {
  const folder = t.testdir({ file: '', folder: {} })
  for (const path of [join(folder, 'missing', 'db'), join(folder, 'file', 'db')]) {
    t.throws(() => openDatabase(path), { failure: 'not-writable', message: new RegExp(path) })
  }
  t.throws(() => openDatabase(join(folder, 'folder')), {
    name: 'StoreError',
    failure: 'not-writable',
  })
})

await t.test('a folder of someone else is refused', async t => {
  const path = newPath(t)
  asReader(dirname(path), () =>
    t.throws(() => openDatabase(path), { name: 'StoreError', failure: 'not-writable' }),
  )
  t.notOk(existsSync(path))
})

await t.test('a file that can only be read is refused', async t => {
  const path = usedPath(t)
  const before = readFileSync(path)
  chmodSync(path, 0o444)
  asReader(dirname(path), () =>
    t.throws(() => openDatabase(path), { name: 'StoreError', failure: 'not-writable' }),
  )
  t.same(readFileSync(path), before)
})

await t.test('a file that another program holds is refused', async t => {
  const path = usedPath(t)
  const other = new Sqlite(path)
  t.teardown(() => other.close())
  other.exec('BEGIN IMMEDIATE')
  t.throws(() => openDatabase(path), {
    failure: 'locked',
    code: 'EBUSY',
    message: `another program is using ${path}: stop it and try again`,
  })
})

await t.test('another connection moves the log into the file while this one is open', async t => {
  const db = openTestDatabase(t)
  db.checkpoint()
  const length = statSync(db.path).size
  for (const isDurable of [true, false]) {
    db.prepare<[string]>('INSERT INTO sequences VALUES (?, 1)').run(`${isDurable}`.repeat(9_000))
    moveLog(db.path, isDurable)
  }
  t.ok(statSync(db.path).size > length + 60_000)
  t.throws(() => moveLog(`${db.path}.none`, true), { name: 'StoreError' })
})

await t.test('a copy is whole or not there, and takes the place of nothing', async t => {
  const path = usedPath(t)
  const to = `${path}.copy`
  const bytes = readFileSync(path)
  writeFileSync(path, Buffer.from(bytes).fill(0xa5, bytes.length / 2))
  t.throws(() => copyDatabase(path, to), { failure: 'corrupt', message: new RegExp(`^${path} is`) })
  t.notOk(existsSync(to))
  writeFileSync(path, bytes)
  copyDatabase(path, to)
  t.equal(statSync(to).mode & 0o777, 0o600)
  t.throws(() => copyDatabase(path, to), { message: /copy is there already: name another/ })
  openDatabase(to).close()
})
