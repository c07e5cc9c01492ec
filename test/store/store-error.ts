import Sqlite from 'better-sqlite3'
import t from 'tap'
import { StoreError, storeErrorFrom } from '../../src/store/store-error.js'

const path = '/state/v4vd.sqlite'

await t.test(
  'every failure of SQLite has a kind, a code and a sentence that names the file',
  async t => {
    const cases = [
      ['SQLITE_BUSY', 'locked', 'EBUSY'],
      ['SQLITE_BUSY_SNAPSHOT', 'locked', 'EBUSY'],
      ['SQLITE_LOCKED', 'locked', 'EBUSY'],
      ['SQLITE_FULL', 'full', 'ENOSPC'],
      ['SQLITE_READONLY', 'not-writable', 'EIO'],
      ['SQLITE_READONLY_DIRECTORY', 'not-writable', 'EIO'],
      ['SQLITE_CANTOPEN_ISDIR', 'not-writable', 'EIO'],
      ['SQLITE_PERM', 'not-writable', 'EIO'],
      ['SQLITE_CORRUPT_INDEX', 'corrupt', 'EIO'],
      ['SQLITE_NOTADB', 'corrupt', 'EIO'],
      ['SQLITE_IOERR_WRITE', 'failed', 'EIO'],
      ['SQLITE_ERROR', 'failed', 'EIO'],
    ] as const
    for (const [sqliteCode, failure, code] of cases) {
      const cause = new Sqlite.SqliteError('what SQLite says', sqliteCode)
      const error = storeErrorFrom(cause, path)
      t.match(error, { name: 'StoreError', failure, code, cause }, sqliteCode)
      t.ok(error instanceof StoreError && error.message.includes(path), sqliteCode)
    }
  },
)

await t.test('what SQLite has no code for is damage all the same', async t => {
  const cause = new Sqlite.SqliteError('unsupported file format', 'SQLITE_ERROR')
  t.match(storeErrorFrom(cause, path), { failure: 'corrupt', cause })
})

await t.test('where SQLite was not compiled it is said how to do so', async t => {
  const missing = new Error('Could not locate the bindings file. Tried:\n → here\n → there')
  const older = Object.assign(new Error('compiled against a different Node.js version'), {
    code: 'ERR_DLOPEN_FAILED',
  })
  for (const cause of [missing, older]) {
    const message = /^[^\n]*run "npm rebuild better-sqlite3"$/
    t.match(storeErrorFrom(cause, path), { failure: 'not-compiled', cause, message })
  }
})

await t.test('so has every failure of the file system', async t => {
  const cases = [
    ['ENOSPC', 'full', 'ENOSPC'],
    ['EDQUOT', 'full', 'ENOSPC'],
    ['EACCES', 'not-writable', 'EIO'],
    ['ENOENT', 'not-writable', 'EIO'],
  ] as const
  for (const [systemCode, failure, code] of cases) {
    const cause = Object.assign(new Error('what the system says'), {
      code: systemCode,
      syscall: 'open',
    })
    t.match(storeErrorFrom(cause, path), { failure, code, cause }, systemCode)
  }
})

await t.test('anything else stays what it is', async t => {
  const bug = new TypeError('a bug')
  t.equal(storeErrorFrom(bug, path), bug)
  t.equal(storeErrorFrom('text', path), 'text')
  const already = new StoreError('full', 'no space')
  t.equal(storeErrorFrom(already, path), already)
})
