import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import t from 'tap'
import { accessTo } from './fixtures/access.js'
import { daemon } from './fixtures/v4v.js'

t.setTimeout(230_000) // it starts many processes, on machines of any speed

const policy = { 'a.yaml': '# kept\nrules:\n  - id: logs\n    accept: web:* -> collector:514\n' }

await t.test('a state folder is checked, repaired and changed without its daemon', async t => {
  const root = t.testdir({ policy })
  const place = await daemon(t, join(root, 'policy'))
  const { admin } = accessTo(place)
  await admin.ask('PUT', '/v1/policy', { rules: [] })

  t.match(await place.v4v(['state', 'check']), { code: 0, stdout: /policy: revision 2 is the one/ })
  const held = { code: 1, stderr: /another daemon is running on .*: stop it/ }
  t.match(await place.v4v(['state', 'repair']), held)
  t.match(await place.v4v(['state', 'use', '1']), held)
  const copy = join(root, 'copy.sqlite')
  t.match(await place.v4v(['state', 'backup', copy]), { code: 0, stdout: /^wrote / })
  t.match(await place.v4v(['state', 'backup', copy]), { code: 1, stderr: /is there already/ })

  const gone = once(place.child, 'close')
  place.child.kill('SIGKILL')
  await gone
  const path = join(place.dir, 'v4vd.sqlite')
  const sqlite = new Sqlite(path)
  sqlite.exec(`UPDATE policies SET body = x'00' WHERE revision = 2`)
  sqlite.close()

  const check = await place.v4v(['state', 'check', '-o', 'json'])
  t.equal(check.code, 2)
  t.match(JSON.parse(check.stdout), { status: 'degraded', revision: 1 })
  t.match(await place.v4v(['state', 'revisions']), {
    code: 0,
    stdout: /^ +2 +bad .*does not fit its hash$\n^ +1 +good /m,
  })
  t.match(await place.v4v(['state', 'repair', '--dry-run']), {
    code: 2,
    stdout: /^lost: policies 2: it does not fit its hash$[^]*^nothing was changed$/m,
  })
  t.match(await place.v4v(['state', 'repair', '--reason', 'a bad disk']), {
    code: 2,
    stdout:
      /^revision 3 is the one to start with: it says what revision 1 said$\n^as it was: .*before-repair/m,
  })
  t.match(await place.v4v(['state', 'repair']), { code: 0, stdout: /^there is nothing to repair/ })
  t.match(await place.v4v(['state', 'use', '9']), { code: 3, stderr: /revision 9 is not kept/ })
  t.match(await place.v4v(['state', 'use', '1']), { code: 0, stdout: /^revision 4 says what/ })
  const out = join(root, 'out')
  t.match(await place.v4v(['state', 'export', '4', out]), { code: 0, stdout: /^wrote a.yaml to / })
  t.equal(readFileSync(join(out, 'a.yaml'), 'utf8'), policy['a.yaml'])

  const token = readFileSync(join(place.dir, 'admin.token'), 'utf8')
  t.match(await place.v4v(['state', 'token']), { code: 0, stdout: /^a new token is in / })
  t.not(readFileSync(join(place.dir, 'admin.token'), 'utf8'), token)
  t.match(await place.v4v(['state', 'restore', copy]), { code: 0, stdout: /before-restore/ })
  t.match(await place.v4v(['state', 'check']), { code: 0, stdout: /policy: revision 2 is the one/ })
})

await t.test(
  'a folder with which no daemon can start is told, and can be made to start',
  async t => {
    const place = await daemon(t, t.testdir(policy))
    const gone = once(place.child, 'close')
    place.child.kill('SIGTERM')
    await gone
    const sqlite = new Sqlite(join(place.dir, 'v4vd.sqlite'))
    sqlite.exec('DROP TABLE policies')
    sqlite.close()
    const refused = await place.v4v(['serve', '--listen', '127.0.0.1:0'])
    t.match(refused, { code: 1, stderr: /is damaged \(.*mend it with "v4v state repair"/ })
    t.match(await place.v4v(['state', 'check']), { code: 3, stdout: /^broken +database: /m })
    t.match(await place.v4v(['state', 'repair']), {
      code: 2,
      stdout: /^no revision of the policy can be read: revision \d+ rejects everything$/m,
    })
    t.match(await place.v4v(['state', 'check']), { code: 0 })
  },
)
