import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import t from 'tap'
import { openDatabase } from '../../src/store/database-file.js'
import { migrations } from '../../src/store/migrations.js'
import { viewState } from '../../src/store/state-view.js'
import { fillStore } from './fixtures/fill-store.js'
import { openTestStore } from './fixtures/open-test-store.js'

await t.test('a database is seen as it is while it is written', async t => {
  const { store, path } = openTestStore(t)
  fillStore(store)
  const view = viewState(path)!
  t.teardown(() => view.close())
  t.same(view.policies.history(9), store.policies.history(9))
  t.same(view.tokens.listAdmin(), store.tokens.listAdmin())
  t.match(view.audit.verify(), { ok: true, records: 3 })
  store.audit.append({ actor: 'a', action: 'b', target: 'c' })
  t.equal(view.audit.size(), 4)
  t.same([view.unsound(), view.danglingRows()], [[], 0])
  const append = (): unknown => view.audit.append({ actor: 'a', action: 'b', target: 'c' })
  t.throws(append, { name: 'StoreError', failure: 'not-writable' })
})

await t.test('it says which rows are not what was written, and which refer to none', async t => {
  const { store, path } = openTestStore(t)
  fillStore(store)
  store.close()
  const sqlite = new Sqlite(path)
  sqlite.exec(`
    PRAGMA foreign_keys = OFF;
    DELETE FROM domains WHERE name = 'web';
    UPDATE audit_modes SET name = '*';
  `)
  sqlite.close()
  const view = viewState(path)!
  t.same(view.unsound(), ['audit mode of *'])
  t.equal(view.danglingRows(), 2)
  view.close()
})

await t.test('an older version is not looked into, and damage is refused', async t => {
  const path = join(t.testdir(), 'db')
  openDatabase(path, migrations.slice(0, 4)).close()
  t.equal(viewState(path), undefined)
  writeFileSync(path, '')
  t.throws(() => viewState(path), { name: 'StoreError', message: /it is empty/ })
})
