import { readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import Sqlite from 'better-sqlite3'
import t, { type Test } from 'tap'
import { checkState } from '../../src/control/state/check-state.js'
import { NO_RECORD } from '../../src/store/audit-head.js'
import { LOST_ACTION } from '../../src/store/audit-store.js'
import { openStore, type Store } from '../../src/store/store.js'
import { StoreError } from '../../src/store/store-error.js'
import { openTestStore, testRandom } from './fixtures/open-test-store.js'

const entry = {
  actor: 'token:7',
  auth: 'token',
  origin: '::1',
  action: 'rule.insert',
  target: 'r1',
  revisionBefore: 3,
  revisionAfter: 4,
  reason: 'app to db',
  detail: { rule: 'accept web:* -> db:5432' },
} as const

/** A closed store with three audit records, the second of them `entry`. */
function writtenPath(t: Test): string {
  const { store, path } = openTestStore(t)
  store.audit.append({ actor: 'daemon', action: 'start', target: '' })
  store.audit.append(entry)
  store.audit.append({ actor: 'admin', action: 'token.revoke', target: '7' })
  store.close()
  return path
}

function reopen(path: string): Store {
  return openStore(path, { now: () => 0, ...testRandom })
}

/** Changes the file behind the store's back, where the triggers would stop even that. */
function tamper(path: string, sql: string): void {
  const sqlite = new Sqlite(path)
  const triggers = sqlite
    .prepare<[], string>("SELECT sql FROM sqlite_schema WHERE name GLOB 'audit_keeps_*'")
    .pluck()
    .all()
  sqlite.exec('DROP TRIGGER audit_keeps_rows; DROP TRIGGER audit_keeps_values')
  sqlite.exec(sql)
  sqlite.exec(triggers.join(';'))
  sqlite.close()
}

await t.test('records count up, keep what they were given and are listed newest first', async t => {
  const { store, clock } = openTestStore(t)
  const first = store.audit.append({ actor: 'daemon', action: 'start', target: '' })
  const start = { seq: 1, at: clock.time, actor: 'daemon', action: 'start', target: '' }
  const none = {
    auth: undefined,
    origin: undefined,
    revisionBefore: undefined,
    revisionAfter: undefined,
    detail: undefined,
  }
  t.same(first, { ...start, ...none, reason: '', hash: first.hash })
  clock.time += 5
  const second = store.audit.append(entry)
  t.same(second, { ...entry, seq: 2, at: clock.time, hash: second.hash })
  t.match(second.hash, /^[0-9a-f]{64}$/)
  const third = store.audit.append(entry)
  t.not(second.hash, third.hash)
  t.same(store.audit.list(10), [third, second, first])
  t.same(store.audit.list(1), [third])
  t.same(store.audit.list(1, 3), [second])
  t.same(store.audit.list(10, 1), [])
})

await t.test('the chain holds, also when empty, and its end is its proof', async t => {
  const { store, path } = openTestStore(t)
  t.same(store.audit.verify(), { ok: true, records: 0, hash: '0'.repeat(64) })
  for (let i = 0; i < 50; i++) store.audit.append({ ...entry, target: `r${i}` })
  const { hash } = store.audit.append(entry)
  t.same(store.audit.verify(), { ok: true, records: 51, hash })
  store.close()
  const again = reopen(path)
  t.teardown(() => again.close())
  t.same(again.audit.verify(), { ok: true, records: 51, hash })
  t.equal(again.audit.append(entry).seq, 52)
  t.match(again.audit.verify(), { ok: true, records: 52 })
})

await t.test('any text is kept so that the chain still holds', async t => {
  const { store } = openTestStore(t)
  const odd = ['', '\0', 'a\0b', '\ud800', 'x\udc00y', '"\\\n\u2028', '\u{1f5a5}', 'ß'.repeat(5000)]
  for (const text of odd) {
    const texts = { actor: text, origin: text, action: text, target: text, reason: text }
    store.audit.append({ ...texts, detail: { text } })
  }
  t.match(store.audit.verify(), { ok: true, records: odd.length })
  t.match(store.audit.list(1), [
    { actor: /^ß{127}…$/, reason: /^ß{499}…$/, detail: { text: odd.at(-1) } },
  ])
  store.audit.append({ ...entry, detail: { text: 'x'.repeat(20_000) } })
  t.match(store.audit.list(1), [{ detail: { leftOut: /^20\d+ characters$/ } }])
  t.match(store.audit.verify(), { ok: true, records: odd.length + 1 })
  t.match(store.audit.listFrom(2, 3), [{ seq: 4 }, { seq: 5 }])
  t.equal(store.audit.size(), odd.length + 1)
})

await t.test('a change and its record are there together or not at all', async t => {
  const { store } = openTestStore(t)
  t.throws(
    () =>
      store.transaction(() => {
        store.domains.add('web')
        store.audit.append(entry)
        throw new TypeError('a bug')
      }),
    TypeError,
  )
  t.same(store.domains.list(), [])
  t.match(store.audit.verify(), { ok: true, records: 0 })
  store.transaction(() => {
    store.domains.add('web')
    store.audit.append(entry)
  })
  t.equal(store.domains.list().length, 1)
  t.match(store.audit.verify(), { ok: true, records: 1 })
})

await t.test('SQL can neither change nor remove a record', async t => {
  const sqlite = new Sqlite(writtenPath(t))
  t.teardown(() => sqlite.close())
  t.throws(() => sqlite.exec("UPDATE audit SET reason = ''"), /the audit log is append-only/)
  t.throws(() => sqlite.exec('DELETE FROM audit WHERE seq = 3'), /the audit log is append-only/)
})

await t.test('whatever was changed by force is found', async t => {
  const cases = [
    ['UPDATE audit SET at = at + 1 WHERE seq = 2', 2, 'audit record 2 was changed'],
    ["UPDATE audit SET actor = 'bert' WHERE seq = 2", 2, 'audit record 2 was changed'],
    ["UPDATE audit SET action = 'rule.remove' WHERE seq = 2", 2, 'audit record 2 was changed'],
    ["UPDATE audit SET target = 'r2' WHERE seq = 2", 2, 'audit record 2 was changed'],
    ['UPDATE audit SET revision_before = 2 WHERE seq = 2', 2, 'audit record 2 was changed'],
    ['UPDATE audit SET revision_before = 0 WHERE seq = 1', 1, 'audit record 1 was changed'],
    ['UPDATE audit SET revision_after = NULL WHERE seq = 2', 2, 'audit record 2 was changed'],
    ["UPDATE audit SET reason = reason || ' ' WHERE seq = 2", 2, 'audit record 2 was changed'],
    ["UPDATE audit SET detail = '{}' WHERE seq = 2", 2, 'audit record 2 was changed'],
    ["UPDATE audit SET auth = 'file' WHERE seq = 2", 2, 'audit record 2 was changed'],
    ['UPDATE audit SET origin = NULL WHERE seq = 2', 2, 'audit record 2 was changed'],
    ["UPDATE audit SET origin = '' WHERE seq = 1", 1, 'audit record 1 was changed'],
    ['UPDATE audit SET hash = zeroblob(32) WHERE seq = 2', 2, 'audit record 2 was changed'],
    [
      "UPDATE audit SET actor = 'start', action = 'daemon' WHERE seq = 1",
      1,
      'audit record 1 was changed',
    ],
    ['UPDATE audit SET seq = 4 WHERE seq = 3', 3, 'audit record 3 is missing'],
    ['DELETE FROM audit WHERE seq = 1', 1, 'audit record 1 is missing'],
    ['DELETE FROM audit WHERE seq = 2', 2, 'audit record 2 is missing'],
    ['DELETE FROM audit WHERE seq = 3', 3, 'the audit log does not end with record 2'],
    ['DELETE FROM audit', 1, 'the audit log does not end with record 0'],
    [
      "INSERT INTO audit VALUES (4, 0, 'x', 'x', 'x', NULL, NULL, '', NULL, zeroblob(32), NULL, NULL)",
      4,
      'audit record 4 was changed',
    ],
    ['UPDATE audit_head SET hash = zeroblob(32)', 4, 'the audit log does not end with record 3'],
    ['UPDATE audit_head SET seq = 2', 4, 'the audit log does not end with record 3'],
    ['DELETE FROM audit_head', 4, 'the audit log does not end with record 3'],
  ] as const
  for (const [sql, seq, message] of cases) {
    const path = writtenPath(t)
    tamper(path, sql)
    const store = reopen(path)
    t.same(store.audit.verify(), { ok: false, seq, message }, sql)
    store.close()
  }
})

await t.test('a damaged end of the log keeps no change out, and no start', async t => {
  const damages = [
    ['UPDATE audit_head SET seq = 2', true],
    ['UPDATE audit_head SET seq = 0', true],
    ['UPDATE audit_head SET seq = -5', true],
    ['UPDATE audit_head SET seq = 9223372036854775807', true],
    ['UPDATE audit SET seq = 9223372036854775807 WHERE seq = 3', false],
    ['UPDATE audit_head SET hash = zeroblob(32)', false],
    ['DELETE FROM audit_head', false],
  ] as const
  for (const [sql, isWholeAgain] of damages) {
    const path = writtenPath(t)
    // A start writes down that it drops the row.
    tamper(path, `${sql}; INSERT INTO audit_modes VALUES ('*', x'00')`)
    t.equal(checkState(dirname(path)).status, 'degraded', sql)
    const store = reopen(path)
    t.match(store.audit.list(1), [{ action: 'state.drop' }], sql)
    store.audit.append(entry)
    t.equal(store.audit.verify().ok, isWholeAgain, sql)
    store.close()
  }
})

await t.test('a log that has not what was its end any more says so', async t => {
  const { store } = openTestStore(t)
  t.same(store.audit.head(), NO_RECORD)
  t.match(store.audit.verify(NO_RECORD), { ok: true, records: 0 })
  for (let i = 0; i < 3; i++) store.audit.append({ ...entry, target: `r${i}` })
  const head = store.audit.head()
  t.same(head, { seq: 3, hash: store.audit.list(1)[0]?.hash })
  store.audit.append(entry)
  t.match(store.audit.verify(head), { ok: true, records: 4 })

  const { hash } = head
  t.same(store.audit.verify({ seq: 9, hash }), {
    ok: false,
    seq: 5,
    message:
      'the audit log ends with record 4, and there was a record 9: at least records 5 to 9 are lost',
  })
  t.match(store.audit.verify({ seq: 4, hash }), {
    ok: false,
    seq: 4,
    message: /^audit record 4 is not the one it was: /,
  })
  store.audit.append({ ...entry, action: LOST_ACTION, reason: 'it ended with 4' })
  const message = 'audit record 5 says that others were lost: it ended with 4'
  t.same(store.audit.verify(), { ok: false, seq: 5, message })
  t.same(store.audit.verify(head), { ok: false, seq: 5, message })
  t.match(store.audit.verify(store.audit.head()), { ok: true, records: 5 })
})

await t.test('a record written anew with a hash of its own does not fit the next one', async t => {
  const other = openTestStore(t)
  const { hash } = other.store.audit.append({ actor: 'daemon', action: 'start', target: 'another' })
  other.store.close()
  const path = writtenPath(t)
  tamper(path, `UPDATE audit SET target = 'another', hash = x'${hash}' WHERE seq = 1`)
  const store = reopen(path)
  t.teardown(() => store.close())
  t.same(store.audit.verify(), { ok: false, seq: 2, message: 'audit record 2 was changed' })
})

await t.test('any flipped byte of a record is found', async t => {
  const path = writtenPath(t)
  const bytes = readFileSync(path)
  // A row on its page: its length, its seq, the types of its columns, a 6-byte time, the values.
  const values = [
    entry.actor,
    entry.action,
    entry.target,
    '\u0003',
    '\u0004',
    entry.reason,
    JSON.stringify(entry.detail),
  ].join('')
  const valuesAt = bytes.indexOf(values)
  t.ok(valuesAt > 0)
  const headerBytes = 1 + 12
  const start = valuesAt - 6 - headerBytes - 2
  const end = valuesAt + values.length + 32 + entry.auth.length + entry.origin.length
  t.same([...bytes.subarray(start, start + 3)], [end - start - 2, 2, headerBytes])

  const unnoticed: string[] = []
  for (let at = start; at < end; at++) {
    for (const mask of [0x01, 0x80, 0xff]) {
      const flipped = Buffer.from(bytes)
      flipped[at] = (flipped[at] ?? 0) ^ mask
      writeFileSync(path, flipped)
      if (!isNoticed(path)) unnoticed.push(`${at - start} ^ ${mask}`)
    }
  }
  t.same(unnoticed, [])
})

/** True when the file is refused as damaged, at opening or at the latest by verify(). */
function isNoticed(path: string): boolean {
  let store: Store | undefined
  try {
    store = reopen(path)
    return !store.audit.verify().ok
  } catch (error) {
    if (error instanceof StoreError && error.failure === 'corrupt') return true
    throw error
  } finally {
    store?.close()
  }
}
