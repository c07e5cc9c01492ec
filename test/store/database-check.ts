import { chmodSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import Sqlite from 'better-sqlite3'
import t from 'tap'
import { checkDatabase, openDatabase } from '../../src/store/database-file.js'
import { migrations } from '../../src/store/migrations.js'
import { copyState } from '../../src/store/salvage.js'
import { newPath, usedPath } from './fixtures/used-database.js'

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
    [
      // Which SQLite would call when it looks at the rows.
      `PRAGMA writable_schema = ON;
       UPDATE sqlite_schema SET sql = replace(sql, 'json_valid', 'jsoo_valid')`,
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
    t.throws(() => checkDatabase(path), { failure: 'corrupt', message }, sql)
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

await t.test('an empty table or index that can not be looked into is damage', async t => {
  const path = newPath(t)
  openDatabase(path).close()
  const sqlite = new Sqlite(path, { readonly: true })
  const pageBytes = Number(sqlite.pragma('page_size', { simple: true }))
  const roots = sqlite
    .prepare<[], { name: string; rootpage: number }>(
      'SELECT name, rootpage FROM sqlite_schema WHERE rootpage > 0',
    )
    .all()
  sqlite.close()
  t.ok(roots.length > 15)
  const whole = readFileSync(path)
  for (const { name, rootpage } of roots) {
    const bytes = Buffer.from(whole)
    // A leaf becomes a page that has others below it.
    bytes[(rootpage - 1) * pageBytes]! ^= 8
    writeFileSync(path, bytes)
    t.throws(() => checkDatabase(path), { name: 'StoreError', failure: 'corrupt' }, name)
    t.throws(() => openDatabase(path), { name: 'StoreError', failure: 'corrupt' }, name)
  }
})

await t.test('a value that its table does not allow is damage to whoever looks', async t => {
  const path = usedPath(t)
  const sqlite = new Sqlite(path)
  sqlite.exec(`PRAGMA ignore_check_constraints = ON;
    INSERT INTO domains (id, name, tags, enabled, created_at) VALUES (1, 'web', 'S"a"]', 1, 0)`)
  sqlite.close()
  const refused = { failure: 'corrupt', message: /CHECK constraint failed in domains/ }
  t.throws(() => checkDatabase(path), refused)
  t.throws(() => openDatabase(path), refused)
})

await t.test('looking changes nothing of a file and its log, whatever is found', async t => {
  const path = usedPath(t)
  const writer = openDatabase(path)
  writer.prepare<[string]>('INSERT INTO sequences VALUES (?, 1)').run('in the log')
  const copy = `${path}.copy`
  copyState(path, copy)
  writer.close()
  const log = readFileSync(`${copy}-wal`)
  t.ok(log.length > 0)
  for (const harm of [() => undefined, (bytes: Buffer) => bytes.fill(0xa5, bytes.length - 4_096)]) {
    const bytes = readFileSync(copy)
    harm(bytes)
    writeFileSync(copy, bytes)
    try {
      checkDatabase(copy)
    } catch (error) {
      t.match(error, { failure: 'corrupt' })
    }
    t.ok(bytes.equals(readFileSync(copy)))
    t.ok(log.equals(readFileSync(`${copy}-wal`)))
  }
})
