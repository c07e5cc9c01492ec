import Sqlite from 'better-sqlite3'
import { statSync } from 'node:fs'
import t from 'tap'
import { openTestStore } from './fixtures/open-test-store.js'
import { revisionOf } from './fixtures/rules.js'

/** Revisions that are added to one store; more with `V4V_REVISIONS`. */
const revisions = Number(process.env['V4V_REVISIONS'] ?? 2_000)
/** How many of them in one transaction. */
const AT_ONCE = 500

await t.test('revisions count from 1, and each is there as it was written', async t => {
  const { store, clock } = openTestStore(t)
  const { policies } = store
  t.equal(policies.currentRevision(), 0)
  t.same(policies.history(10), [])
  t.equal(policies.get(1), undefined)
  const first = { ...revisionOf('a'), lastRuleNumber: 7 }
  t.equal(policies.append(first), 1)
  t.equal(policies.append({ ...revisionOf('a', 'b'), reason: 'why '.repeat(200) }), 2)
  t.equal(policies.currentRevision(), 2)
  t.equal(policies.lastRuleNumber(), 7)
  const kept = policies.get(1)
  t.match(kept, { revision: 1, at: clock.now(), author: 'admin', reason: 'a test', rules: 1 })
  t.ok(Buffer.from(first.body).equals(kept!.body))
  t.equal(kept!.hash, Buffer.from(first.hash).toString('hex'))
  t.match(policies.history(1), [{ revision: 2, reason: /^.{499}…$/s }])
  t.match(policies.history(10, 2), [{ revision: 1 }])
  t.match(policies.size(), { revisions: 2, bytes: kept!.bytes + policies.get(2)!.bytes })
})

await t.test('the oldest revisions give way when there are too many', async t => {
  const { store } = openTestStore(t, { revisionsMax: 3 })
  for (let i = 0; i < 5; i++) store.policies.append(revisionOf('a'))
  t.same(
    store.policies.history(10).map(({ revision }) => revision),
    [5, 4, 3],
  )
})

await t.test('the oldest revisions give way when they take too much room', async t => {
  const { store: small } = openTestStore(t, { revisionBytesMax: 1 })
  for (let i = 0; i < 4; i++) small.policies.append(revisionOf('a'))
  t.same(
    small.policies.history(10).map(({ revision }) => revision),
    [4, 3],
    'the newest and the way back from it are kept whatever their size',
  )
})

await t.test(
  'however many revisions there were, they take no more room than two hundred',
  async t => {
    const { store, path } = openTestStore(t)
    const append = (from: number, to: number): void => {
      store.transaction(() => {
        for (let i = from; i < to; i++) store.policies.append(revisionOf(`a${i % 10}`))
      })
    }
    append(0, AT_ONCE)
    const before = store.size()
    for (let i = AT_ONCE; i < revisions; i += AT_ONCE) append(i, Math.min(revisions, i + AT_ONCE))
    const after = store.size()
    t.equal(after.revisions, 200)
    t.equal(after.databaseBytes, before.databaseBytes)
    t.equal(store.policies.currentRevision(), revisions)
    store.close()
    t.ok(statSync(path).size <= after.databaseBytes)
  },
)

await t.test('a revision waits to be confirmed until it is, or another one comes', async t => {
  const { store } = openTestStore(t)
  const { policies } = store
  t.equal(policies.unconfirmed(), undefined)
  t.equal(policies.confirm(), false)
  const waiting = { revision: 1, backTo: 0, deadline: 5, author: 'admin' }
  policies.append(revisionOf('a'))
  policies.expectConfirmation(waiting)
  t.same(policies.unconfirmed(), waiting)
  t.equal(policies.confirm(), true)
  t.equal(policies.unconfirmed(), undefined)
  policies.expectConfirmation(waiting)
  policies.append(revisionOf('b'))
  t.equal(policies.unconfirmed(), undefined)
})

await t.test('a body that was changed behind its back is refused', async t => {
  const { store, path } = openTestStore(t)
  store.policies.append(revisionOf('a'))
  const sqlite = new Sqlite(path)
  sqlite.exec("UPDATE policies SET body = CAST('[]' AS BLOB)")
  sqlite.close()
  t.throws(() => store.policies.get(1), { name: 'StoreError', failure: 'corrupt' })
  t.match(store.policies.history(1), [{ revision: 1 }])
})
