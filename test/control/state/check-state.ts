import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import Sqlite from 'better-sqlite3'
import t, { type Test } from 'tap'
import { checkState, type StateCheck } from '../../../src/control/state/check-state.js'
import { openDatabase } from '../../../src/store/database-file.js'
import { openFlowStore } from '../../../src/store/flow-store.js'
import { migrations } from '../../../src/store/migrations.js'
import { fillStore } from '../../store/fixtures/fill-store.js'
import { openTestStore } from '../../store/fixtures/open-test-store.js'

/** A closed state folder in which something was done. */
function writtenPath(t: Test): string {
  const { store, path } = openTestStore(t)
  fillStore(store)
  store.close()
  return path
}

/** What is said of one thing; how full the disk is that this runs on is not ours to say. */
function finding(check: StateCheck, name: string): unknown {
  return check.findings.find(each => each.name === name)
}

void t.test('a folder that is well, and one that is empty', t => {
  const check = checkState(dirname(writtenPath(t)))
  t.same(
    check.findings.map(({ name }) => name),
    ['files', 'disk', 'database', 'policy', 'revisions', 'rows', 'audit', 'admin', 'flows'],
  )
  t.same(
    check.findings.filter(({ name, status }) => name !== 'disk' && status !== 'ok'),
    [],
  )
  t.equal(check.revision, 3)
  const empty = checkState(t.testdir())
  t.match(finding(empty, 'database'), { status: 'ok', message: /^there is none yet/ })
  t.equal(empty.revision, null)
  t.end()
})

void t.test('what is wrong with rows, revisions, the audit log and tokens is said', t => {
  const path = writtenPath(t)
  const sqlite = new Sqlite(path)
  sqlite.exec(`
    UPDATE policies SET body = x'00' WHERE revision = 3;
    UPDATE audit_modes SET name = '*';
    UPDATE audit_head SET seq = 9;
    UPDATE tokens SET revoked_at = 1 WHERE role = 'root';
  `)
  sqlite.close()
  chmodSync(path, 0o644)
  const check = checkState(dirname(path))
  t.match(check, { status: 'degraded', revision: 2 })
  const expected: Readonly<Record<string, RegExp>> = {
    files: /^others may read v4vd.sqlite in .*: take that away with chmod 600/,
    policy: /revision 3 does not fit its hash.*revision 2 is in force/,
    revisions: /^1 of 3 can't be read: 3$/,
    rows: /^2 are not what was written, and dropped at the next start: token 4, audit mode of \*$/,
    audit: /^the audit log does not end with record 3$/,
    admin: /"v4v state token"/,
  }
  for (const [name, message] of Object.entries(expected)) {
    t.match(finding(check, name), { status: 'degraded', message })
  }
  t.end()
})

void t.test('an audit log that was put back is told before the start that writes it down', t => {
  const path = writtenPath(t)
  const head = `9:${'0'.repeat(64)}\n`
  writeFileSync(join(dirname(path), 'audit.head'), head)
  const message = /ends with record 3, and there was a record 9: at least records 4 to 9 are lost/
  t.match(finding(checkState(dirname(path)), 'audit'), { status: 'degraded', message })
  t.end()
})

void t.test('a database with which none can start is broken', t => {
  const path = writtenPath(t)
  writeFileSync(path, readFileSync(path).subarray(0, 5_000))
  const check = checkState(dirname(path))
  t.match(check, { status: 'broken', revision: null })
  t.match(finding(check, 'database'), { status: 'broken', message: /"v4v state repair"/ })
  t.end()
})

void t.test('an older version is well; rows may refer to what is gone; flows are put aside', t => {
  const path = join(t.testdir(), 'v4vd.sqlite')
  openDatabase(path, migrations.slice(0, 4)).close()
  t.match(finding(checkState(dirname(path)), 'database'), { status: 'ok', message: /older/ })

  const other = writtenPath(t)
  const sqlite = new Sqlite(other)
  sqlite.exec(`PRAGMA foreign_keys = OFF; DELETE FROM domains WHERE name = 'web'`)
  sqlite.close()
  const flows = join(dirname(other), 'flows.sqlite')
  openFlowStore(flows, { bytesMax: 1_000_000, ageMsMax: 1_000 }).close()
  t.match(finding(checkState(dirname(other)), 'flows'), { status: 'ok', message: /can be read/ })
  writeFileSync(flows, 'no database')
  const check = checkState(dirname(other))
  t.match(finding(check, 'rows'), { status: 'degraded', message: /^2 refer to others/ })
  t.match(finding(check, 'flows'), { status: 'degraded', message: /puts it aside/ })
  rmSync(flows)
  mkdirSync(flows)
  t.throws(() => openFlowStore(flows, { bytesMax: 1_000_000, ageMsMax: 1_000 }))
  t.match(finding(checkState(dirname(other)), 'flows'), { status: 'broken' })
  t.end()
})
