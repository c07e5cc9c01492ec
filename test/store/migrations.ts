import { createHash, randomBytes } from 'node:crypto'
import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import type { Database } from '../../src/store/database.js'
import { openDatabase } from '../../src/store/database-file.js'
import { migrations } from '../../src/store/migrations.js'
import { decodePolicy } from '../../src/store/policy-body.js'
import { DATABASE_FILE, openStore } from '../../src/store/store.js'

const steps = [
  'CREATE TABLE things (name TEXT) STRICT',
  'ALTER TABLE things ADD COLUMN size INTEGER; UPDATE things SET size = 1',
  'CREATE TABLE more (name TEXT) STRICT',
]

function versionOf(db: Database): number | undefined {
  return db.prepare<[], { user_version: number }>('PRAGMA user_version').get()?.user_version
}

/** A database of version 1 with one thing in it. */
function firstVersion(t: Test): string {
  const path = join(t.testdir(), DATABASE_FILE)
  const db = openDatabase(path, steps.slice(0, 1))
  db.prepare("INSERT INTO things VALUES ('old')").run()
  db.close()
  return path
}

await t.test('a new database gets every step and no copy', async t => {
  const path = join(t.testdir(), DATABASE_FILE)
  const db = openDatabase(path, steps)
  t.equal(versionOf(db), 3)
  db.close()
  t.same(readdirSync(dirname(path)), [DATABASE_FILE])
})

await t.test('an older database gets the steps it lacks, once, and is copied before', async t => {
  const path = firstVersion(t)
  for (let times = 0; times < 2; times++) {
    const db = openDatabase(path, steps)
    t.equal(versionOf(db), 3)
    t.same(db.prepare('SELECT * FROM things').all(), [{ name: 'old', size: 1 }])
    db.close()
  }
  t.same(readdirSync(dirname(path)).toSorted(), [DATABASE_FILE, `${DATABASE_FILE}.v1`])
  t.equal(statSync(`${path}.v1`).mode & 0o777, 0o600)
  const copy = openDatabase(`${path}.v1`, steps.slice(0, 1))
  t.equal(versionOf(copy), 1)
  t.same(copy.prepare('SELECT * FROM things').all(), [{ name: 'old' }])
  copy.close()
})

await t.test('a step that fails leaves the version before it', async t => {
  const path = firstVersion(t)
  const bad = [...steps.slice(0, 2), 'CREATE TABLE half (x) STRICT; nonsense']
  t.throws(() => openDatabase(path, bad), { name: 'StoreError', failure: 'failed' })
  const db = openDatabase(path, steps.slice(0, 2))
  t.equal(versionOf(db), 2)
  t.equal(db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'half'").get(), undefined)
  db.close()
})

await t.test('what is left of an unfinished copy is made anew', async t => {
  const path = firstVersion(t)
  writeFileSync(`${path}.v1.unfinished`, 'half a copy')
  openDatabase(path, steps).close()
  t.notOk(existsSync(`${path}.v1.unfinished`))
  const copy = openDatabase(`${path}.v1`, steps.slice(0, 1))
  t.equal(versionOf(copy), 1)
  copy.close()
})

await t.test('the tables of this version check what is written to them', async t => {
  const db = openDatabase(join(t.testdir(), DATABASE_FILE), migrations)
  t.teardown(() => db.close())
  const wrong = [
    "INSERT INTO domains VALUES (0, 'control', '[]', 1, 0, x'')",
    "INSERT INTO domains VALUES (0x7ff0, 'high', '[]', 1, 0, x'')",
    "INSERT INTO domains VALUES (1, 'web', 'no json', 1, 0, x'')",
    "INSERT INTO tokens VALUES (1, NULL, NULL, zeroblob(32), '', 0, NULL, NULL, NULL, x'')",
    "INSERT INTO tokens VALUES (1, 5, NULL, zeroblob(32), '', 0, NULL, NULL, NULL, x'')",
    "INSERT INTO tokens VALUES (1, NULL, 'root', zeroblob(31), '', 0, NULL, NULL, NULL, x'')",
    "INSERT INTO policies VALUES (1, 0, 'a', '', zeroblob(31), 2, 0, 1, x'00')",
    "INSERT INTO policies VALUES (1, 0, 'a', '', zeroblob(32), 2, 0, 1, 'text')",
    "INSERT INTO unconfirmed VALUES (2, 1, 0, 0, 'a')",
  ]
  for (const sql of wrong)
    t.throws(() => db.prepare(sql).run(), { name: 'StoreError', failure: 'failed' }, sql)
})

await t.test('a database of the first version keeps its policy, counters and audit', async t => {
  const path = join(t.testdir(), DATABASE_FILE)
  const old = openDatabase(path, migrations.slice(0, 1))
  const rule = (id: string): object => ({
    id,
    action: 'accept',
    source: 'web:*',
    destination: 'db:5432',
    type: 'any',
    replies: 0,
    comment: 'naïve',
    createdAt: 4,
  })
  const lists = [[], [rule('a')], [rule('a'), rule('r7')]].map(list => JSON.stringify(list))
  const insert = old.prepare<[number, string, Uint8Array, string]>(
    "INSERT INTO revisions VALUES (?, 1000, 'admin', ?, ?, ?)",
  )
  for (const [index, list] of lists.entries()) {
    const hash = createHash('sha256').update(list).digest()
    insert.run(index + 1, `reason ${index}`, hash, list)
  }
  old
    .prepare(
      "INSERT INTO rules VALUES ('a', 1, 'accept', 'web:*', 'db:5432', 'any', 0, 'naïve', 4)",
    )
    .run()
  old.prepare("INSERT INTO sequences VALUES ('rule', 7)").run()
  old.prepare("INSERT INTO counters VALUES ('a', 5, 500, 9)").run()
  old.close()

  const store = openStore(path, { now: () => 2_000, randomBytes: count => randomBytes(count) })
  t.teardown(() => store.close())
  const { policies } = store
  t.equal(policies.currentRevision(), 3)
  t.equal(policies.lastRuleNumber(), 7)
  t.match(policies.history(10), [
    { revision: 3, rules: 2, reason: 'reason 2', at: 1000, author: 'admin', format: 1 },
    { revision: 2, rules: 1 },
    { revision: 1, rules: 0 },
  ])
  const kept = policies.get(3)
  t.match(decodePolicy(kept!.format, kept!.body), {
    rules: [{ id: 'a', comment: 'naïve' }, { id: 'r7' }],
  })
  t.match(store.counters.load(), [{ id: 'a', hits: 5, bytes: 500, lastHit: 9 }])
  t.equal(policies.unconfirmed(), undefined)
  t.same(store.sets.list(), [])
  t.ok(existsSync(`${path}.v1`), 'the database as it was is beside it')
})
