import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import t from 'tap'
import { openDatabase } from '../../src/store/database-file.js'
import { fallbackPage, mendHeader } from '../../src/store/first-page.js'

function check(path: string): unknown {
  const sqlite = new Sqlite(path)
  try {
    return sqlite.pragma('integrity_check', { simple: true })
  } finally {
    sqlite.close()
  }
}

await t.test('a header is what it was but for what counts changes and free pages', async t => {
  const path = join(t.testdir(), 'db')
  openDatabase(path).close()
  const whole = readFileSync(path)
  writeFileSync(path, Buffer.from(whole).fill(0xee, 0, 24).fill(0xee, 44, 72))
  mendHeader(path)
  const mended = readFileSync(path)
  t.same(mended.subarray(0, 24), whole.subarray(0, 24))
  t.same(mended.subarray(44, 48), whole.subarray(44, 48))
  t.same(mended.subarray(52, 60), whole.subarray(52, 60))
  t.same(mended.subarray(64, 72), whole.subarray(64, 72))
  t.equal(check(path), 'ok')
})

await t.test('the first page of a new database fits one that this version made', async t => {
  const path = join(t.testdir(), 'db')
  openDatabase(path).close()
  writeFileSync(path, readFileSync(path).fill(0, 0, 4096))
  fallbackPage(path)
  t.equal(check(path), 'ok')
})

await t.test('what is no page becomes a new database, and what is no header stays', async t => {
  for (const content of [undefined, '', 'short']) {
    const path = join(t.testdir(), 'db')
    if (content !== undefined) writeFileSync(path, content)
    mendHeader(path)
    if (content !== undefined) t.equal(readFileSync(path, 'utf8'), content)
    fallbackPage(path)
    t.equal(check(path), 'ok')
  }
})
