import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { discard, keepBeside, putInPlace } from '../../src/store/state-swap.js'

await t.test('a database is kept beside with its log, under a name that says when', async t => {
  const dir = t.testdir({ db: 'database', 'db-wal': 'log' })
  const copy = keepBeside(join(dir, 'db'), 'before-repair', Date.UTC(2026, 10, 21, 7, 5, 9, 123))
  t.equal(copy, join(dir, 'db.before-repair-20261121T070509Z'))
  t.equal(readFileSync(copy, 'utf8'), 'database')
  t.equal(readFileSync(`${copy}-wal`, 'utf8'), 'log')
  t.equal(statSync(copy).mode & 0o777, 0o600)
  writeFileSync(join(dir, 'db'), 'another')
  const second = keepBeside(join(dir, 'db'), 'before-repair', Date.UTC(2026, 10, 21, 7, 5, 9, 124))
  t.equal(second, `${copy}-2`, 'of the same second')
  t.equal(readFileSync(copy, 'utf8'), 'database')
  t.equal(readFileSync(second, 'utf8'), 'another')
  t.throws(() => keepBeside(join(dir, 'none', 'db'), 'x', 0), { name: 'StoreError' })
})

await t.test('another one takes its place, and the log of the old one is gone', async t => {
  const dir = t.testdir({ db: 'database', 'db-wal': 'log', 'db-shm': '', fresh: 'new' })
  putInPlace(join(dir, 'fresh'), join(dir, 'db'))
  t.same(readdirSync(dir), ['db'])
  t.equal(readFileSync(join(dir, 'db'), 'utf8'), 'new')
  t.throws(() => putInPlace(join(dir, 'fresh'), join(dir, 'db')), { name: 'StoreError' })
})

await t.test('a working copy goes with what is beside it', async t => {
  const path = join(t.testdir(), 'db')
  for (const ending of ['', '-wal', '-shm']) writeFileSync(path + ending, '')
  discard(path)
  discard(path)
  t.notOk(existsSync(path) || existsSync(`${path}-wal`) || existsSync(`${path}-shm`))
})
