import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { daemon, run } from './fixtures/v4v.js'

t.setTimeout(230_000) // it starts many processes, on machines of any speed

const first = { 'a.yaml': 'rules:\n  - id: logs\n    accept: web:* -> collector:514\n' }
const tiers = `rules:
  - id: web-never-to-db
    reject: tag:web:* -> tag:db:*
  - id: app-to-db
    accept: tag:app:* -> tag:db:5432
tests:
  - { from: tag:app:40000, to: tag:db:5432, expect: accept, rule: app-to-db }
  - { from: tag:web:40000, to: tag:db:5432, expect: reject }
`

await t.test('a policy is broken, refused, planned, applied, confirmed and undone', async t => {
  const place = await daemon(t, t.testdir(first))
  const v4v: typeof place.v4v = args => place.v4v(args)
  await v4v(['domain', 'add', 'web1', '--tag', 'web'])
  await v4v(['domain', 'add', 'db1', '--tag', 'db'])
  const dir = t.testdir({ '10-tiers.yaml': tiers })
  const write = (text: string): void => writeFileSync(join(dir, '10-tiers.yaml'), text)

  write(tiers.replaceAll(':5432\n', '\n').replace('db:*', 'db'))
  const malformed = await v4v(['policy', 'apply', dir])
  t.equal(malformed.code, 3)
  t.match(
    malformed.stderr,
    /^10-tiers\.yaml:3:26: [^\n]+\n10-tiers\.yaml:5:26: [^\n]+\nv4v: 2 things are wrong with the policy \(EINVAL\)\n$/,
  )
  write(tiers.replace('reject: tag', 'accept: tag'))
  const failing = await v4v(['policy', 'apply', dir])
  t.equal(failing.code, 3)
  t.match(failing.stderr, /^v4v: 1 of the 2 tests of the policy fails: 10-tiers\.yaml:8: [^\n]+\n$/)
  write(tiers)

  const planned = await v4v(['policy', 'plan', dir])
  t.equal(planned.code, 2)
  t.match(planned.stdout, /^rules: 2 added, 1 removed, 0 changed, 0 moved$/m)
  const applied = await v4v(['policy', 'apply', dir, '--confirm', '10m', '--reason', 'live'])
  t.match(applied.stdout, /it goes away unless "v4v policy confirm" is run by \d{4}-/)
  t.equal((await v4v(['policy', 'confirm'])).stdout, 'revision 2 stays\n')
  const again = await v4v(['policy', 'apply', dir, '--confirm', '10m'])
  t.equal(again.code, 0)
  t.equal(again.stdout, 'no change: revision 2 says the same already, and stays in force\n')

  const send = ['send', 'db1:5432', 'x', '--as', 'web1']
  const refused = await v4v(send)
  t.equal(refused.code, 1)
  const [, decision] = /\(decision (d-[0-9a-f]+)\)/.exec(refused.stderr)!
  const looked = await v4v(['flows', decision!])
  t.match(looked.stdout, /^\S+ reject web1:\d+ -> db1:5432 [^\n]+ \(10-tiers\.yaml:2\)\n$/)
  t.match(JSON.parse((await v4v(['flows', decision!, '-o', 'json'])).stdout), {
    rule: 'web-never-to-db',
  })
  t.equal((await v4v(['flows', 'd-ffff'])).code, 1)
  const explained = await v4v(['policy', 'explain', 'web1:40000', 'db1:5432'])
  t.match(explained.stdout, /^rule +web-never-to-db \(1, 10-tiers\.yaml:2\)/m)
  t.equal(explained.stderr, '')
  const nobody = await v4v(['policy', 'explain', 'nobody:1', 'control:1'])
  t.equal(
    nobody.stderr,
    'there is no domain nobody: of its tags only those are known that the policy gives it\n',
  )

  const admit = ['rule', 'add', 'accept', 'web1:*', 'db1:5432', '--at', '1', '--expires', '10m']
  await v4v([...admit, '--id', 'for-now', '--reason', 'ticket 1'])
  t.match((await v4v(send)).stderr, /ECONNREFUSED/, 'admitted, and nobody listens')
  await v4v(['rule', 'move', 'for-now', '2', '--reason', 'ticket 2'])
  await v4v(['rule', 'rm', 'for-now', '--reason', 'häßlich ✓'])
  const twoLines = await v4v(['rule', 'rm', 'app-to-db', '--reason', 'a\nb'])
  t.equal(twoLines.code, 2)
  t.equal((await v4v(['policy', 'rollback', '1', '--reason', 'over'])).code, 0)
  const { stdout } = await v4v(['policy', 'history'])
  for (const reason of ['live', 'ticket 1', 'ticket 2', 'häßlich ✓', 'over']) {
    t.match(stdout, new RegExp(` ${reason}$`, 'm'))
  }
  t.equal((await v4v(['policy', 'show', '--dir', join(dir, 'new')])).code, 0)
  t.equal((await run(['policy', 'check', join(dir, 'new')])).stdout, '1 rule in 1 file: good\n')
})

await t.test('a folder without a policy is not taken for an empty one', async t => {
  const dir = t.testdir({ 'notes.txt': '' })
  for (const name of ['apply', 'plan', 'check', 'test']) {
    const { code, stderr } = await run(['policy', name, dir])
    t.equal(code, 1)
    t.equal(stderr, `v4v: there is no .yaml file in ${dir}\n`)
  }
})
