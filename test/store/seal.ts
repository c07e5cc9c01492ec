import Sqlite from 'better-sqlite3'
import t from 'tap'
import { rowSum } from '../../src/store/seal.js'
import { openStore } from '../../src/store/store.js'
import { fillStore } from './fixtures/fill-store.js'
import { openTestStore, testRandom } from './fixtures/open-test-store.js'

await t.test('what is written in any way fits its sum', async t => {
  const { store, path } = openTestStore(t)
  fillStore(store)
  store.close()
  const again = openStore(path, { now: () => 0, ...testRandom })
  t.teardown(() => again.close())
  t.same(again.dropped, [])
  t.equal(again.audit.size(), 3)
})

await t.test('a row that is not what was written is gone, and that is on record', async t => {
  const changes: readonly (readonly [sql: string, dropped: string])[] = [
    [`UPDATE domains SET tags = '["aqp"]' WHERE name = 'web'`, 'domain web'],
    [`UPDATE domains SET enabled = 1 WHERE name = 'eve'`, 'domain eve'],
    ['UPDATE tokens SET domain = 2 WHERE id = 1', 'token 1'],
    ['UPDATE tokens SET revoked_at = NULL WHERE id = 3', 'token 3'],
    ['UPDATE tokens SET expires_at = NULL WHERE id = 1', 'token 1'],
    [`UPDATE set_elements SET element = 'wec'`, 'element wec of set guests'],
    [`UPDATE audit_modes SET name = '*'`, 'audit mode of *'],
    ['UPDATE grants SET port = 2', 'grant 1 from web to eve'],
    [`UPDATE tokens SET sum = x'' WHERE id = 1`, 'token 1'],
  ]
  for (const [sql, dropped] of changes) {
    const { store, path } = openTestStore(t)
    fillStore(store)
    store.close()
    const sqlite = new Sqlite(path)
    sqlite.exec(sql)
    sqlite.close()
    const again = openStore(path, { now: () => 0, ...testRandom })
    t.same(again.dropped, [dropped], sql)
    t.match(again.audit.list(1), [
      { actor: 'daemon', auth: 'daemon', action: 'state.drop', detail: { rows: [dropped] } },
    ])
    again.close()
    const third = openStore(path, { now: () => 0, ...testRandom })
    t.same(third.dropped, [])
    third.close()
  }
})

await t.test('a sum is of a table and of all values, each apart', async t => {
  const sums = [
    rowSum('a', 'x', 'y'),
    rowSum('b', 'x', 'y'),
    rowSum('a', 'xy', ''),
    rowSum('a', 'x', 'y', null),
    rowSum('a', 'x', 1),
    rowSum('a', 'x', '1'),
    rowSum('a', 'x', Buffer.from('1')),
  ].map(sum => sum.toString('hex'))
  t.equal(new Set(sums).size, sums.length)
  t.ok(sums.every(sum => sum.length === 16))
  t.equal(rowSum('a', 'x', Buffer.from('1')).toString('hex'), sums[6])
})
