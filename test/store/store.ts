import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import Sqlite from 'better-sqlite3'
import t from 'tap'
import { formatHead, HEAD_FILE, HeadFile } from '../../src/store/audit-head.js'
import type { AuditRecord, AuditVerdict } from '../../src/store/audit-store.js'
import { copyDatabase } from '../../src/store/database-file.js'
import { lockState } from '../../src/store/state-lock.js'
import { DATABASE_FILE, openStore } from '../../src/store/store.js'
import { openTestStore, testRandom } from './fixtures/open-test-store.js'
import { revisionOf } from './fixtures/rules.js'
import { decodePolicy, type KeptPolicy } from '../../src/store/policy-body.js'
import type { Store } from '../../src/store/store.js'

const script = fileURLToPath(new URL('./fixtures/store-process.js', import.meta.url))
const options = { now: () => 0, ...testRandom }

function policyIn(store: Store): KeptPolicy | string | undefined {
  const kept = store.policies.get(store.policies.currentRevision())
  return kept && decodePolicy(kept.format, kept.body)
}

await t.test('everything is there again after closing and opening', async t => {
  const { store, path } = openTestStore(t)
  store.domains.add('web', ['app'])
  const issued = store.tokens.issue('web')
  store.policies.append(revisionOf('r1'))
  store.sets.put('guests', 'web', 5, 'admin')
  const rest = { audited: 0, auditedBytes: 0, limited: 0, quotaUsed: 2, quotaSince: 3 }
  store.counters.save([{ id: 'r1', hits: 1, bytes: 2, lastHit: 3, ...rest }])
  store.audit.append({ actor: 'admin', action: 'rule.insert', target: 'r1' })
  const before = [
    store.domains.list(),
    store.tokens.list('web'),
    policyIn(store),
    store.sets.list(),
    store.size().revisions,
    store.counters.load(),
    store.policies.history(10),
    store.audit.list(10),
  ]
  store.close()
  const again = openStore(path, options)
  t.teardown(() => again.close())
  t.same(
    [
      again.domains.list(),
      again.tokens.list('web'),
      policyIn(again),
      again.sets.list(),
      again.size().revisions,
      again.counters.load(),
      again.policies.history(10),
      again.audit.list(10),
    ],
    before,
  )
  t.match(again.tokens.authenticate(issued.ok ? issued.text : ''), { ok: true, tokenId: 1 })
})

await t.test('a transaction over all parts is all or nothing', async t => {
  const { store } = openTestStore(t)
  const work = (fails: boolean): number =>
    store.transaction(() => {
      store.domains.add('web')
      store.tokens.issue('web')
      store.policies.append(revisionOf('r1'))
      store.audit.append({ actor: 'admin', action: 'setup', target: 'web' })
      if (fails) throw new TypeError('a bug')
      return store.policies.currentRevision()
    })
  t.throws(() => work(true), TypeError)
  t.same(store.domains.list(), [])
  t.equal(policyIn(store), undefined)
  t.same(store.audit.list(1), [])
  t.equal(work(false), 1)
  t.match(store.domains.get('web'), { id: 1 })
  t.match(store.tokens.list('web'), { tokens: [{ id: 1 }] })
  t.match(policyIn(store), { rules: [{ id: 'r1' }] })
  t.match(store.audit.list(2), [{ seq: 1 }])
})

await t.test('closing may be repeated and lets go of the folder', async t => {
  const { store, path } = openTestStore(t)
  t.throws(() => lockState(dirname(path)), { name: 'StoreError', failure: 'locked' })
  store.domains.add('web')
  store.checkpoint()
  t.equal(statSync(`${path}-wal`).size, 0)
  store.close()
  store.close()
  t.notOk(existsSync(`${path}-wal`))
  lockState(dirname(path)).release()
})

await t.test('a store that is refused does not hold its folder', async t => {
  const folder = t.testdir()
  const path = join(folder, DATABASE_FILE)
  openStore(path, options).close()
  const sqlite = new Sqlite(path)
  sqlite.exec('PRAGMA user_version = 99; CREATE TABLE later (x)')
  sqlite.close()
  t.throws(() => openStore(path, options), { name: 'StoreError', failure: 'newer' })
  writeFileSync(path, 'no database at all')
  t.throws(() => openStore(path, options), { name: 'StoreError', failure: 'corrupt' })
  t.equal(readFileSync(path, 'utf8'), 'no database at all')
  lockState(folder).release()
  t.throws(() => openStore(join(folder, 'missing', DATABASE_FILE), options), {
    name: 'StoreError',
    failure: 'not-writable',
  })
})

await t.test('a database that lacks a table is refused and let go', async t => {
  const path = join(t.testdir(), DATABASE_FILE)
  openStore(path, options).close()
  const sqlite = new Sqlite(path)
  sqlite.exec('DROP TABLE counters')
  sqlite.close()
  t.throws(() => openStore(path, options), { name: 'StoreError', failure: 'corrupt' })
  lockState(dirname(path)).release()
})

await t.test('a log that was put back says so at the next start, and in itself', async t => {
  const { store, path } = openTestStore(t)
  const entry = { actor: 'token:1', action: 'rule.insert', target: 'r1' }
  store.audit.append(entry)
  t.equal(store.followHead(), undefined)
  const copy = `${path}.copy`
  copyDatabase(path, copy)
  store.relaxed(() => store.audit.append(entry))
  await store.synced()
  store.audit.append(entry)
  await store.synced()
  const head = store.audit.head()
  store.close()

  t.equal(openedAgain(path).lost, undefined)
  copyFileSync(copy, path)
  const { lost, newest, verdict } = openedAgain(path)
  t.match(lost, /ends with record 1, and there was a record 3: at least records 2 to 3 are lost/)
  const target = formatHead(head)
  t.match(newest, [{ seq: 2, actor: 'daemon', action: 'audit.lost', target, reason: lost }])
  t.match(verdict, { ok: false, seq: 2, message: /^audit record 2 says that others were lost: / })
  t.equal(openedAgain(path).lost, undefined, 'it is said once')

  rmSync(path)
  t.match(openedAgain(path).lost, /^the audit log ends with record 0, and there was a record 2/)
  writeFileSync(join(dirname(path), HEAD_FILE), '')
  t.equal(openedAgain(path).lost, undefined, 'half a file is none')
})

/** What a daemon finds that starts. */
function openedAgain(path: string): {
  readonly lost: string | undefined
  readonly newest: readonly AuditRecord[]
  readonly verdict: AuditVerdict
} {
  const store = openStore(path, options)
  try {
    const lost = store.followHead()
    const { audit } = store
    t.match(audit.verify(audit.head()), { ok: true }, 'what is known is no news')
    return { lost, newest: audit.list(1), verdict: audit.verify() }
  } finally {
    store.close()
  }
}

/** Lets a process write until it has acknowledged so many changes, then kills it. */
async function writeAndKill(path: string, acknowledgements: number): Promise<number[]> {
  const child = spawn(process.execPath, [script, 'write', path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const gone = once(child, 'exit')
  const acknowledged: number[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    acknowledged.push(Number(line))
    if (acknowledged.length === acknowledgements) child.kill('SIGKILL')
  }
  await gone
  return acknowledged
}

await t.test(
  'what a killed process acknowledged is there, whole, and the rest is not half there',
  async t => {
    const path = join(t.testdir(), DATABASE_FILE)
    let revision = 0
    for (let round = 1; round <= 8; round++) {
      const rounds = 1 + Math.floor(Math.random() * 60)
      t.comment(`killed after ${rounds} acknowledgements`)
      const acknowledged = await writeAndKill(path, rounds)
      t.ok(acknowledged.length >= rounds)
      // Counting on from what the round before left shows that nothing of it was lost.
      t.same(
        acknowledged,
        acknowledged.map((_, index) => revision + 1 + index),
      )

      const head = new HeadFile(join(dirname(path), HEAD_FILE)).read()
      const store = openStore(path, options)
      t.equal(store.followHead(), undefined)
      revision = store.policies.currentRevision()
      const last = acknowledged.at(-1) ?? 0
      // One more may have been committed and killed before it was said.
      t.ok(revision === last || revision === last + 1, `${revision} of ${last}`)
      t.match(policyIn(store), { rules: [{ id: `w${revision}` }] })
      t.match(store.audit.verify(head), { ok: true, records: revision })
      t.ok(head!.seq >= last, 'what was acknowledged can be held against it')
      t.match(store.audit.list(1), [{ target: `w${revision}`, revisionAfter: revision }])
      store.close()
    }
    const sqlite = new Sqlite(path)
    t.teardown(() => sqlite.close())
    t.equal(sqlite.pragma('integrity_check', { simple: true }), 'ok')
  },
)
