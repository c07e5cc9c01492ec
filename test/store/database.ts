import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import Sqlite from 'better-sqlite3'
import t, { type Test } from 'tap'
import { copyDatabase, moveLog, openDatabase, type Database } from '../../src/store/database.js'
import { migrations } from '../../src/store/migrations.js'
import { DATABASE_FILE } from '../../src/store/store.js'
import { openTestDatabase } from './fixtures/open-test-store.js'

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

function pragma(db: Database, name: string): unknown {
  return Object.values(db.prepare<[], Record<string, unknown>>(`PRAGMA ${name}`).get() ?? {})[0]
}

function newPath(t: Test): string {
  return join(t.testdir(), DATABASE_FILE)
}

/** A database that was used and closed. */
function usedPath(t: Test): string {
  const path = newPath(t)
  const db = openDatabase(path)
  const insert = db.prepare<[string]>('INSERT INTO sequences VALUES (?, 1)')
  db.transaction(() => {
    for (let i = 0; i < 2000; i++) insert.run(`sequence number ${i}`)
  })
  db.close()
  return path
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

await t.test('a file that was cut short is no new one', async t => {
  const path = usedPath(t)
  const log = `${path}-wal`
  writeFileSync(log, 'what was in it')
  writeFileSync(path, '')
  t.throws(() => openDatabase(path), { failure: 'corrupt', message: /is damaged \(it is empty\)/ })
  rmSync(path)
  t.throws(() => openDatabase(path), { failure: 'corrupt', message: /it is gone, and only its/ })
  t.equal(readFileSync(log, 'utf8'), 'what was in it')
})

await t.test('a database whose tables or header are not what was written is damaged', async t => {
  const changes: readonly (readonly [string, RegExp])[] = [
    ['DROP TRIGGER audit_keeps_rows', /its tables are not those of version/],
    ['ALTER TABLE domains ADD COLUMN more TEXT', /its tables are not those of version/],
    [
      `PRAGMA writable_schema = ON;
       UPDATE sqlite_schema SET sql = replace(sql, 'BETWEEN 1 AND', 'BETWEEN 2 AND')`,
      /its tables are not those of version/,
    ],
    ['PRAGMA user_version = 99', /its tables are not those of version 99/],
    ['PRAGMA user_version = 1', /its tables are not those of version 1/],
    ['PRAGMA application_id = 7', /its header is not what was written/],
  ]
  for (const [sql, message] of changes) {
    const path = usedPath(t)
    const sqlite = new Sqlite(path)
    sqlite.unsafeMode() // which writing to the schema needs
    sqlite.exec(sql)
    sqlite.close()
    t.throws(() => openDatabase(path), { failure: 'corrupt', message }, sql)
  }
})

await t.test('a database of a newer version is refused as it is', async t => {
  const path = usedPath(t)
  const sqlite = new Sqlite(path)
  sqlite.exec('PRAGMA user_version = 99; CREATE TABLE later (x)')
  sqlite.close()
  chmodSync(path, 0o644)
  const before = readFileSync(path)
  t.throws(() => openDatabase(path), {
    failure: 'newer',
    code: 'EPROTONOSUPPORT',
    message: new RegExp(
      `^${path} is of version 99 and this program knows versions up to ${migrations.length}: `,
    ),
  })
  t.same(readFileSync(path), before)
  t.equal(statSync(path).mode & 0o777, 0o644)
})

await t.test('a database of another program is refused as it is', async t => {
  const path = newPath(t)
  const sqlite = new Sqlite(path)
  sqlite.exec('CREATE TABLE theirs (x)')
  t.teardown(() => sqlite.close())
  const refused = {
    failure: 'foreign',
    code: 'EINVAL',
    message: /is a database of another program/,
  }
  t.throws(() => openDatabase(path), refused)
  sqlite.exec('DROP TABLE theirs; PRAGMA application_id = 1')
  const before = readFileSync(path)
  t.throws(() => openDatabase(path), refused)
  t.same(readFileSync(path), before)
})

await t.test('a damaged file is refused', async t => {
  const notADatabase = newPath(t)
  writeFileSync(notADatabase, 'this is a letter to my aunt\n'.repeat(100))
  t.throws(() => openDatabase(notADatabase), {
    failure: 'corrupt',
    message:
      /is damaged \(file is not a database\): mend it with "v4v state repair", or put a copy of it in its place/,
  })

  const cut = usedPath(t)
  writeFileSync(cut, readFileSync(cut).subarray(0, 20_000))
  t.throws(() => openDatabase(cut), { failure: 'corrupt', code: 'EIO' })

  const overwritten = usedPath(t)
  const bytes = readFileSync(overwritten)
  bytes.fill(0xa5, bytes.length / 2, bytes.length / 2 + 4096)
  writeFileSync(overwritten, bytes)
  t.throws(() => openDatabase(overwritten), { name: 'StoreError', failure: 'corrupt' })
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

await t.test('a transaction is all or nothing, also inside another one', async t => {
  const db = openTestDatabase(t)
  const insert = db.prepare<[string]>('INSERT INTO sequences VALUES (?, 1)')
  const names = db.prepare<[], { name: string }>('SELECT name FROM sequences ORDER BY name')
  const bug = new TypeError('a bug')
  const failing = (name: string): void => {
    db.transaction(() => {
      insert.run(name)
      throw bug
    })
  }
  t.throws(() => failing('a'), bug)
  db.transaction(() => {
    insert.run('b')
    t.throws(() => failing('c'), bug)
    db.relaxed(() => insert.run('d'))
  })
  t.same(names.all(), [{ name: 'b' }, { name: 'd' }])
  t.throws(() => db.transaction(async () => insert.run('e')), TypeError)
  t.equal(names.all().length, 2)
})

await t.test('only a relaxed transaction does not wait for the disk', async t => {
  const db = openTestDatabase(t)
  t.throws(
    () =>
      db.relaxed(() => {
        t.equal(pragma(db, 'synchronous'), 1)
        throw new TypeError('a bug')
      }),
    TypeError,
  )
  t.equal(pragma(db, 'synchronous'), 2)
  db.transaction(() => db.relaxed(() => t.equal(pragma(db, 'synchronous'), 2)))
})

await t.test('a failure of SQLite is a StoreError wherever it comes up', async t => {
  const db = openTestDatabase(t)
  t.throws(() => db.prepare('SELECT * FROM missing'), {
    failure: 'failed',
    message: `using ${db.path} failed (no such table: missing): "v4v state check" says more`,
  })
  const insert = db.prepare<[string, number]>('INSERT INTO sequences VALUES (?, ?)')
  insert.run('a', 1)
  t.throws(() => insert.run('a', 1), { name: 'StoreError', failure: 'failed' })
  const broken = db.prepare<[string], { x: number }>("SELECT json_extract('{}', ?) AS x")
  t.throws(() => broken.get('no path'), { name: 'StoreError' })
  t.throws(() => broken.all('no path'), { name: 'StoreError' })
  t.throws(() => [...broken.iterate('no path')], { name: 'StoreError' })
})

await t.test(
  'a full disk loses nothing that was acknowledged, and writing goes on when there is space',
  t => {
    const db = openTestDatabase(t)
    const insert = db.prepare<[string]>('INSERT INTO sequences VALUES (?, 1)')
    const count = db.prepare<[], { n: number }>('SELECT count(*) AS n FROM sequences')
    pragma(db, `max_page_count = ${Number(pragma(db, 'page_count')) + 3}`)
    let acknowledged = 0
    t.throws(
      () => {
        for (;;) {
          insert.run(String(acknowledged).padStart(900, '0'))
          acknowledged++
        }
      },
      {
        failure: 'full',
        code: 'ENOSPC',
        message: `there is no space left for ${db.path}: free some and try again`,
      },
    )
    t.ok(acknowledged > 0)
    t.same(count.get(), { n: acknowledged })
    pragma(db, 'max_page_count = 1000000')
    insert.run('more')
    t.same(count.get(), { n: acknowledged + 1 })
    t.end()
  },
)

await t.test(
  'what did not wait for the disk can be waited for, and a disk that fails shows',
  async t => {
    const db = openTestDatabase(t)
    const insert = db.prepare<[string]>('INSERT INTO sequences VALUES (?, 1)')
    db.relaxed(() => insert.run('a'))
    await db.synced()
    // The lock of the database is still held: closing the log has not given it up.
    db.transaction(() => {
      insert.run('b')
      const other = new Sqlite(db.path, { timeout: 0 })
      t.throws(() => other.exec('BEGIN IMMEDIATE'), { code: 'SQLITE_BUSY' })
      other.close()
    })
    rmSync(`${db.path}-wal`)
    await t.rejects(db.synced(), { name: 'StoreError', code: 'EIO' })
  },
)

await t.test('what is on the disk is not waited for again, and commits are counted', async t => {
  const db = openTestDatabase(t)
  const insert = db.prepare<[string]>('INSERT INTO sequences VALUES (?, 1)')
  t.equal(db.commits, 0)
  db.relaxed(() => db.transaction(() => insert.run('a')))
  t.equal(db.commits, 1, 'the inner one is a part of the outer one')
  t.throws(() => db.transaction(() => insert.run('a')))
  t.equal(db.commits, 1)
  await db.synced()
  rmSync(`${db.path}-wal`)
  t.equal(await db.synced(), undefined, 'no file is opened')
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

await t.test('a checkpoint empties the write-ahead log', async t => {
  const db = openTestDatabase(t)
  db.prepare<[string]>('INSERT INTO sequences VALUES (?, 1)').run('a')
  t.ok(statSync(`${db.path}-wal`).size > 0)
  db.checkpoint()
  t.equal(statSync(`${db.path}-wal`).size, 0)
})
