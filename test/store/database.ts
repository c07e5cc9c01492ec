import { rmSync, statSync } from 'node:fs'
import Sqlite from 'better-sqlite3'
import t from 'tap'
import { openTestDatabase } from './fixtures/open-test-store.js'
import { pragma } from './fixtures/used-database.js'

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

await t.test('a checkpoint empties the write-ahead log', async t => {
  const db = openTestDatabase(t)
  db.prepare<[string]>('INSERT INTO sequences VALUES (?, 1)').run('a')
  t.ok(statSync(`${db.path}-wal`).size > 0)
  db.checkpoint()
  t.equal(statSync(`${db.path}-wal`).size, 0)
})
