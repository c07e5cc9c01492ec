import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import Sqlite from 'better-sqlite3'
import t from 'tap'
import {
  makeRootToken,
  stateDocuments,
  stateRevisions,
  useRevision,
} from '../../../src/control/state/state-edit.js'
import { openDatabase } from '../../../src/store/database-file.js'
import { migrations } from '../../../src/store/migrations.js'
import { openStore } from '../../../src/store/store.js'
import { fillStore } from '../../store/fixtures/fill-store.js'
import { openTestStore, testRandom } from '../../store/fixtures/open-test-store.js'

void t.test('revisions are listed, written out and made the next one', t => {
  const { store, path } = openTestStore(t)
  fillStore(store)
  const dir = dirname(path)
  t.match(stateDocuments(dir, 1), { ok: true, documents: [{ text: /id: r1/ }] }, 'while it is open')
  t.throws(() => useRevision(dir, 1, ''), { message: /another daemon is running/ })
  store.close()
  const sqlite = new Sqlite(path)
  sqlite.exec(`UPDATE policies SET body = x'00' WHERE revision = 3`)
  sqlite.close()
  t.match(stateRevisions(dir), [
    { revision: 3, problem: /does not fit its hash/ },
    { revision: 2, problem: undefined },
    { revision: 1, problem: undefined },
  ])
  t.match(stateDocuments(dir, 3), { ok: false, code: 'EINVAL' })
  t.match(stateDocuments(dir, 9), { ok: false, code: 'ENOENT' })
  t.match(useRevision(dir, 3, ''), { ok: false, code: 'EINVAL' })
  t.match(useRevision(dir, 9, ''), { ok: false, code: 'ENOENT' })
  t.same(useRevision(dir, 1, '2 locked me out'), { ok: true, revision: 4 })
  const again = openStore(path, { now: () => 0, ...testRandom })
  t.teardown(() => again.close())
  t.match(again.audit.list(1), [
    { auth: 'file', action: 'policy.rollback', target: '1', revisionBefore: 3, revisionAfter: 4 },
  ])
  t.equal(again.policies.get(4)?.hash, again.policies.get(1)?.hash)
  t.end()
})

void t.test('a token with the role root can be made by whoever has the files', t => {
  const { store, path } = openTestStore(t)
  fillStore(store)
  store.close()
  const dir = dirname(path)
  makeRootToken(dir, 'lost')
  const again = openStore(path, { now: () => 0, ...testRandom })
  t.teardown(() => again.close())
  const token = readFileSync(join(dir, 'admin.token'), 'utf8').trim()
  t.match(again.tokens.authenticateAdmin(token), { ok: true, role: 'root', tokenId: 5 })
  t.match(again.audit.list(1), [{ action: 'token.issue', target: '5', reason: 'lost' }])
  t.end()
})

void t.test('where there is no database none is made, and an old one is not looked into', t => {
  const dir = t.testdir()
  t.throws(() => makeRootToken(dir, ''), { message: /there is no .*--state/ })
  openDatabase(join(dir, 'v4vd.sqlite'), migrations.slice(0, 4)).close()
  t.throws(() => stateRevisions(dir), { message: /start the daemon once/ })
  t.end()
})
