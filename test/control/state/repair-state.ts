import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import Sqlite from 'better-sqlite3'
import t, { type Test } from 'tap'
import { bootPolicy } from '../../../src/control/policy/boot-policy.js'
import { checkState } from '../../../src/control/state/check-state.js'
import { repairState, restoreState } from '../../../src/control/state/repair-state.js'
import { copyDatabase } from '../../../src/store/database-file.js'
import { copyState } from '../../../src/store/salvage.js'
import { lockState } from '../../../src/store/state-lock.js'
import { openStore, type Store } from '../../../src/store/store.js'
import { stateDir } from '../../fixtures/state-dir.js'
import { fillStore } from '../../store/fixtures/fill-store.js'
import { openTestStore, testRandom } from '../../store/fixtures/open-test-store.js'

const clock = { now: () => Date.now() }

/** A closed state folder in which something was done. */
function written(t: Test): { readonly dir: string; readonly path: string } {
  const { store, path } = openTestStore(t)
  fillStore(store)
  store.close()
  return { dir: dirname(path), path }
}

function changed(path: string, sql: string): void {
  const sqlite = new Sqlite(path)
  sqlite.exec(sql)
  sqlite.close()
}

function opened(t: Test, path: string): Store {
  const store = openStore(path, { ...clock, ...testRandom })
  t.teardown(() => store.close())
  return store
}

void t.test('what is well is left alone', t => {
  const { dir, path } = written(t)
  const before = readFileSync(path)
  t.match(repairState(dir, '', false), { isNeeded: false, copy: null, revision: 3, audit: null })
  changed(path, 'UPDATE audit_head SET seq = 9')
  t.match(repairState(dir, '', false), { isNeeded: false, audit: /does not end with record 3/ })
  t.ok(before.length > 0 && readdirSync(dir).every(name => !name.includes('before-repair')))
  t.throws(() => repairState(stateDir(t), '', false), { message: /there is no .*v4vd.sqlite/ })
  t.end()
})

void t.test('the last good revision becomes the newest, under a number of its own', t => {
  const { dir, path } = written(t)
  changed(path, `UPDATE policies SET body = x'00' WHERE revision = 3`)
  const before = readFileSync(path)
  const dry = repairState(dir, '', true)
  t.match(dry, { isNeeded: true, copy: null, good: 2, revision: 4, isTokenNew: false })
  t.ok(before.equals(readFileSync(path)))
  t.same(
    readdirSync(dir).filter(name => !/^v4vd\.(lock|sqlite(-wal|-shm)?)$/.test(name)),
    [],
  )

  const done = repairState(dir, 'a bad disk', false)
  t.match(done, { isNeeded: true, good: 2, revision: 4, losses: [{ table: 'policies', row: '3' }] })
  t.ok(before.equals(readFileSync(done.copy!)))
  t.equal(statSync(done.copy!).mode & 0o777, 0o600)
  t.equal(checkState(dir).findings.filter(({ status }) => status !== 'ok').length, 0)
  const store = opened(t, path)
  const { revision, problem, policy } = bootPolicy(store, clock)
  t.match(
    { revision, problem, rules: policy.rules.map(({ id }) => id) },
    {
      revision: 4,
      problem: undefined,
      rules: ['r2'],
    },
  )
  t.match(store.audit.list(1), [
    {
      actor: /^user:/,
      auth: 'file',
      origin: /^uid \d+$/,
      action: 'state.repair',
      revisionBefore: 2,
      revisionAfter: 4,
      reason: 'a bad disk',
      detail: { losses: [{ table: 'policies' }] },
    },
  ])
  t.match(store.audit.verify(), { ok: true, records: 4 })
  t.end()
})

void t.test('where no revision is left everything is rejected, and an admin can get in', t => {
  const { dir, path } = written(t)
  changed(
    path,
    `UPDATE policies SET body = x'00'; UPDATE tokens SET role = 'rook' WHERE role = 'root'`,
  )
  const done = repairState(dir, '', false)
  t.match(done, { good: 0, revision: 4, isTokenNew: true })
  const tokenPath = join(dir, 'admin.token')
  t.equal(statSync(tokenPath).mode & 0o777, 0o600)
  const store = opened(t, path)
  t.match(bootPolicy(store, clock), { revision: 4, policy: { rules: [] }, problem: undefined })
  const token = readFileSync(tokenPath, 'utf8').trim()
  t.match(store.tokens.authenticateAdmin(token), { ok: true, role: 'root' })
  t.end()
})

void t.test('it leaves alone what a daemon holds, or what is not ours', t => {
  const { dir, path } = written(t)
  const lock = lockState(dir)
  t.throws(() => repairState(dir, '', false), { message: /another daemon is running/ })
  t.throws(() => restoreState(dir, path, ''), { message: /another daemon is running/ })
  lock.release()
  const other = join(stateDir(t), 'v4vd.sqlite')
  changed(other, 'CREATE TABLE theirs (x)')
  t.throws(() => repairState(dirname(other), '', false), { message: /of another program/ })
  t.end()
})

void t.test('what was kept beside is put back with its log', t => {
  const { store, path } = openTestStore(t)
  fillStore(store)
  const kept = join(stateDir(t), 'kept')
  copyState(path, kept)
  t.ok(existsSync(`${kept}-wal`))
  store.close()
  restoreState(dirname(path), kept, '')
  t.equal(opened(t, path).policies.currentRevision(), 3)
  t.end()
})

void t.test('a copy is put back in place of what there is, which is kept', t => {
  const { dir, path } = written(t)
  const copy = join(stateDir(t), 'copy.sqlite')
  copyDatabase(path, copy)
  changed(path, 'DELETE FROM policies WHERE revision > 1')
  const kept = restoreState(dir, copy, 'too much was gone')
  t.ok(kept !== undefined && existsSync(kept))
  const store = opened(t, path)
  t.equal(store.policies.currentRevision(), 3)
  t.match(store.audit.list(1), [
    { action: 'state.restore', target: 'revision 3', reason: 'too much was gone' },
  ])
  store.close()
  writeFileSync(copy, 'no database')
  t.throws(() => restoreState(dir, copy, ''), { message: /is damaged/ })
  const empty = stateDir(t)
  t.equal(restoreState(empty, kept ?? '', ''), undefined)
  t.ok(existsSync(join(empty, 'v4vd.sqlite')))
  t.end()
})
