import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import Sqlite from 'better-sqlite3'
import t, { type Test } from 'tap'
import { openDatabase } from '../../src/store/database-file.js'
import { migrations } from '../../src/store/migrations.js'
import { copyState, salvage, type Salvage } from '../../src/store/salvage.js'
import { openStore, type Store } from '../../src/store/store.js'
import { fillStore } from './fixtures/fill-store.js'
import { openTestStore, testRandom } from './fixtures/open-test-store.js'

const PAGE_BYTES = 4096

/** A closed database with something in every table. */
function writtenPath(t: Test, auditRecords?: number): string {
  const { store, path } = openTestStore(t)
  fillStore(store, auditRecords)
  store.close()
  return path
}

/** Changes a file, and takes over what is left of it. */
function salvaged(t: Test, path: string, harm: (bytes: Buffer) => Buffer | void): Salvage {
  const bytes = readFileSync(path)
  writeFileSync(path, harm(bytes) ?? bytes)
  const before = readFileSync(path)
  const result = salvage(path, `${path}.new-one`, `${path}.scratch`)
  t.ok(before.equals(readFileSync(path)), 'what it was read from is as it was')
  t.same(
    readdirSync(dirname(path)).filter(name => name.includes('scratch')),
    [],
  )
  return result
}

/** The new one, as a daemon opens it. */
function opened(t: Test, path: string): Store {
  const store = openStore(`${path}.new-one`, { now: () => 0, ...testRandom })
  t.teardown(() => store.close())
  t.same(store.dropped, [])
  return store
}

function pagesOf(path: string, table: string): number[] {
  const sqlite = new Sqlite(path, { readonly: true })
  try {
    return sqlite
      .prepare<[string], number>('SELECT pageno FROM dbstat WHERE name = ? ORDER BY pageno')
      .pluck()
      .all(table)
  } finally {
    sqlite.close()
  }
}

const rows = {
  domains: 2,
  tokens: 4,
  policies: 3,
  unconfirmed: 0,
  grants: 1,
  audit: 3,
  sequences: 2,
  counters: 1,
  retired: 0,
  set_elements: 1,
  audit_modes: 1,
}

await t.test('of a database that is whole everything is taken over', async t => {
  const path = writtenPath(t)
  const result = salvaged(t, path, () => undefined)
  t.same(result, { rows, losses: [], lastRevision: 3 })
  const store = opened(t, path)
  t.match(store.domains.list(), [
    { name: 'eve', enabled: false, tags: ['odd'] },
    { name: 'web', tags: ['app'] },
  ])
  t.match(store.audit.verify(), { ok: true, records: 3 })
  t.match(store.audit.append({ actor: 'a', action: 'b', target: '' }), { seq: 4 })
  t.match(store.domains.add('new'), { domain: { id: 3 } })
  t.equal(store.policies.lastRuleNumber(), 3)
})

await t.test('also without its header, or without the page that names the tables', async t => {
  for (const length of [16, 100, PAGE_BYTES]) {
    const path = writtenPath(t)
    const result = salvaged(t, path, bytes => void bytes.fill(0xee, 0, length))
    t.same(result, { rows, losses: [], lastRevision: 3 }, `${length} bytes`)
    t.equal(opened(t, path).policies.currentRevision(), 3)
  }
})

await t.test('and from its log alone', async t => {
  const { store, path } = openTestStore(t)
  fillStore(store)
  copyState(path, `${path}.killed`)
  store.close()
  const killed = `${path}.killed`
  rmSync(killed)
  const result = salvage(killed, `${killed}.new-one`, `${killed}.scratch`)
  t.same(result, { rows, losses: [], lastRevision: 3 })
  t.equal(opened(t, killed).policies.currentRevision(), 3)
})

await t.test('a row that is not what was written is left out, and told', async t => {
  const path = writtenPath(t)
  const sqlite = new Sqlite(path)
  sqlite.exec(`
    UPDATE policies SET body = x'00' WHERE revision = 3;
    UPDATE domains SET enabled = 1 WHERE name = 'eve';
    UPDATE tokens SET role = 'roos' WHERE id = 4;
    DELETE FROM sequences;
  `)
  sqlite.close()
  const result = salvaged(t, path, () => undefined)
  t.same(result.losses, [
    { table: 'domains', row: '2 eve', why: 'it does not fit its sum' },
    { table: 'tokens', row: '4', why: 'it does not fit its sum' },
    { table: 'policies', row: '3', why: 'it does not fit its hash' },
  ])
  t.same(result.rows, { ...rows, domains: 1, tokens: 3, policies: 2, sequences: 0 })
  t.equal(result.lastRevision, 3)
  const store = opened(t, path)
  t.equal(store.policies.currentRevision(), 2)
  t.equal(store.policies.lastRuleNumber(), 2, 'no id is given twice')
  t.match(store.domains.add('new'), { domain: { id: 2 } })
})

await t.test('the id of a token that is gone is not given to another', async t => {
  for (const [seq, next] of [
    [9, 10],
    [2 ** 40, 5],
  ] as const) {
    const path = writtenPath(t)
    const sqlite = new Sqlite(path)
    sqlite.exec(`UPDATE sqlite_sequence SET seq = ${seq} WHERE name = 'tokens'`)
    sqlite.close()
    salvaged(t, path, () => undefined)
    t.match(opened(t, path).tokens.issueAdmin('viewer'), { token: { id: next } })
    rmSync(`${path}.new-one`)
  }
})

await t.test('what stands before and after a page that is lost is taken over', async t => {
  const path = writtenPath(t, 500)
  const pages = pagesOf(path, 'audit')
  const lost = pages[Math.floor(pages.length / 2)]!
  const result = salvaged(
    t,
    path,
    bytes => void bytes.fill(0xee, (lost - 1) * PAGE_BYTES, lost * PAGE_BYTES),
  )
  t.match(result.losses, [{ table: 'audit', row: /^some from \d+ up to \d+$/ }])
  t.ok(result.rows['audit']! > 400 && result.rows['audit']! < 500)
  const store = opened(t, path)
  t.equal(store.audit.size(), 500)
  t.match(store.audit.verify(), { ok: false, message: /^audit record \d+ is missing$/ })
  store.audit.append({ actor: 'a', action: 'b', target: '' })
  t.match(store.audit.list(1), [{ seq: 501 }])
  t.match(store.audit.verify(), { ok: false }, 'and it stays broken')
})

await t.test('an audit log that is lost does not look like a new one', async t => {
  const path = writtenPath(t)
  const pages = [...pagesOf(path, 'audit'), ...pagesOf(path, 'audit_head')]
  const result = salvaged(t, path, bytes => {
    for (const page of pages) bytes.fill(0xee, (page - 1) * PAGE_BYTES, page * PAGE_BYTES)
  })
  t.match(result.losses, [{ table: 'audit' }, { table: 'audit_head' }])
  const store = opened(t, path)
  t.match(store.audit.verify(), { ok: false })
  store.audit.append({ actor: 'a', action: 'b', target: '' })
  t.match(store.audit.verify(), { ok: false, seq: 1, message: 'audit record 1 is missing' })
})

await t.test('tables of which nothing can be read are told, and so is no database', async t => {
  const path = writtenPath(t)
  const page = pagesOf(path, 'set_elements')[0]!
  const result = salvaged(
    t,
    path,
    bytes => void bytes.fill(0, (page - 1) * PAGE_BYTES, page * PAGE_BYTES),
  )
  t.match(result.losses, [{ table: 'set_elements', row: 'some rows' }])
  const nothing = salvaged(t, writtenPath(t), () => Buffer.from('no database'))
  t.equal(nothing.lastRevision, 0)
  t.ok(Object.values(nothing.rows).every(count => count === 0))
})

await t.test('a database of an older version is brought to this one', async t => {
  const path = `${t.testdir()}/v4vd.sqlite`
  const old = openDatabase(path, migrations.slice(0, 4))
  old.prepare(`INSERT INTO domains VALUES (1, 'web', '["app"]', 1, 0)`).run()
  old.close()
  const result = salvaged(t, path, () => undefined)
  t.same(result.losses, [])
  t.match(opened(t, path).domains.list(), [{ name: 'web', tags: ['app'] }])
})
