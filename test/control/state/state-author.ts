import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { databaseIn, fileAuthor, offlineOptions } from '../../../src/control/state/state-author.js'

void t.test('whoever has the files is told by name and number', t => {
  t.match(fileAuthor(), { actor: /^user:./, auth: 'file', origin: /^uid \d+$/ })
  t.equal(offlineOptions.randomBytes(32).length, 32)
  t.ok(offlineOptions.now() > 1_700_000_000_000)
  t.end()
})

void t.test('a database is where it is, or where its log is', t => {
  const dir = t.testdir()
  t.throws(() => databaseIn(dir), { message: /name the state folder with --state/ })
  writeFileSync(join(dir, 'v4vd.sqlite-wal'), '')
  t.equal(databaseIn(dir), join(dir, 'v4vd.sqlite'))
  t.end()
})
