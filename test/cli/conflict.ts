import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { accessTo } from './fixtures/access.js'
import { daemon, until } from './fixtures/v4v.js'

t.setTimeout(230_000) // it starts many processes, on machines of any speed

const web = `# the web tier
rules:
  # what attackers reach first
  - id: never
    reject: tag:web:* -> tag:db:*
  - id: web-to-app
    accept: tag:web:* -> tag:app:8080
  - id: oncall
    accept: '@oncall:* -> tag:db:5432'
`
const policy = {
  '10-web.yaml': web,
  sets: { 'oncall.yaml': 'sets: { oncall: [bert] } # by phone\n' },
  tests: { 'web.yaml': 'tests: [{ from: tag:web:1, to: tag:db:1, expect: reject }]\n' },
}

const place = await daemon(t, t.testdir(policy))
const { admin } = accessTo(place)
const v4v: typeof place.v4v = args => place.v4v(args)
const dir = join(t.testdirName, 'mine')
const path = join(dir, '10-web.yaml')
const base = (): string => readFileSync(join(dir, '.revision'), 'utf8')

await t.test('an admin is told of what others changed since the files were exported', async t => {
  t.equal((await v4v(['policy', 'export', dir])).code, 0)
  for (const [name, text] of [
    ['10-web.yaml', web],
    ['sets/oncall.yaml', policy.sets['oncall.yaml']],
    ['tests/web.yaml', policy.tests['web.yaml']],
  ] as const) {
    t.equal(readFileSync(join(dir, name), 'utf8'), text, `${name} is the same to the byte`)
  }
  t.match(base(), /^1 [0-9a-f]{64}\n$/)

  await admin.ask('PATCH', '/v1/rules/web-to-app', { destination: 'tag:app:80', reason: 'port 80' })
  writeFileSync(path, web.replace('8080', '8081').replace('reject: tag', 'drop: tag'))
  t.match((await v4v(['policy', 'plan', dir])).stderr, /^the files come from revision 1: /)
  const late = await v4v(['policy', 'apply', dir])
  t.equal(late.code, 3)
  t.match(
    late.stdout.replace(/ at \S+:/, ':'),
    `since revision 1:
  revision 2 by token:1: port 80
others changed 1 thing:
  ~ web-to-app: accept tag:web:* -> tag:app:8080  =>  accept tag:web:* -> tag:app:80 (revision 2)
you change 2 things:
  ~ never: reject tag:web:* -> tag:db:*  =>  drop tag:web:* -> tag:db:* (10-web.yaml:4)
  ~ web-to-app: accept tag:web:* -> tag:app:8080  =>  accept tag:web:* -> tag:app:8081 (10-web.yaml:6)
1 conflict:
  ! rule web-to-app: others change it: accept tag:web:* -> tag:app:8080  =>  accept tag:web:* -> tag:app:80 (revision 2); you change it: accept tag:web:* -> tag:app:8080  =>  accept tag:web:* -> tag:app:8081 (10-web.yaml:6)
`,
  )
  t.match(
    late.stderr,
    /^v4v: the policy is at revision 2, no longer at 1: .* \(ESTALE\); [^\n]+\n$/,
  )
  const data = await v4v(['policy', 'apply', dir, '-o', 'json'])
  t.equal(data.code, 3)
  t.match(JSON.parse(data.stdout), {
    code: 'ESTALE',
    comparison: { base: 1, current: 2, conflicts: { total: 1 }, isClean: false },
  })
  const rule = await v4v(['rule', 'rm', 'never', '--if-revision', '1'])
  t.equal(rule.code, 3)
  t.match(rule.stdout, /^you change 1 thing:\n {2}- never: reject/m)
  t.match(rule.stderr, /; if it is still right, say it again with --if-revision 2\n$/)
  const unknown = await v4v(['policy', 'apply', dir, '--if-revision', '99'])
  t.match(unknown.stdout, /^beside revision 2 you change 2 things:\n/)
})

await t.test('what was taken back again is in nobody’s way, and force goes over all', async t => {
  await admin.ask('POST', '/v1/policy/rollback', { revision: 1 })
  writeFileSync(path, web.replace('8080', '8081'))
  t.equal((await v4v(['policy', 'apply', dir])).code, 0)
  t.match(base(), /^4 /)
  await admin.ask('DELETE', '/v1/rules/oncall')
  t.equal((await v4v(['policy', 'apply', dir, '--force'])).code, 0)
  t.match(base(), /^6 /)
})

await t.test('what goes away because nobody confirms it can be put in force again', async t => {
  const before = readFileSync(path, 'utf8')
  writeFileSync(path, before.replace('8081', '8082'))
  t.equal((await v4v(['policy', 'apply', dir, '--confirm', '1s'])).code, 0)
  t.match(base(), /^7 [0-9a-f]{64} else [0-9a-f]{64}\n$/)
  const revision = async (): Promise<number> =>
    (await admin.ask<{ revision: number }>('GET', '/v1/policy/revisions?limit=1')).revision
  await until(async () => (await revision()) === 8)
  t.equal((await v4v(['policy', 'apply', dir])).code, 0)
  t.match(base(), /^9 [0-9a-f]{64}\n$/)
  writeFileSync(path, before)
  t.equal((await v4v(['policy', 'apply', dir])).code, 0)
})

await t.test('what others changed and what you change is put in force together', async t => {
  await admin.ask('PATCH', '/v1/rules/web-to-app', { destination: 'tag:app:80' })
  writeFileSync(path, web.replace('what attackers reach first', 'ticket 7').replace('8080', '8081'))
  const merged = await v4v(['policy', 'apply', dir, '--merge', '--reason', 'both'])
  t.match(merged, {
    code: 0,
    stdout: /^revision 12 is in force: 3 rules, /,
    stderr: 'what others changed since revision 10 is in 10-web.yaml\n',
  })
  const both = web.replace('what attackers reach first', 'ticket 7').replace('8080', '80')
  t.equal(readFileSync(path, 'utf8'), both)
  t.match(base(), /^12 /)

  await admin.ask('DELETE', '/v1/rules/oncall')
  const byHand = ['policy', 'apply', path, join(dir, 'sets'), join(dir, 'tests'), '--merge']
  t.equal((await v4v(byHand)).code, 2, 'of single files the revision has to be said')
  const said = await v4v([...byHand, '--if-revision', '12'])
  t.match(said.stderr, /^the files do not say what others changed since revision 12\n/)
  t.match(readFileSync(path, 'utf8'), /id: oncall/)
})

await t.test('files of another daemon are not taken for those of this one', async t => {
  writeFileSync(join(dir, '.revision'), `1 ${'ab'.repeat(32)}\n`)
  const other = await v4v(['policy', 'apply', dir])
  t.equal(other.code, 3)
  t.match(other.stderr, /files come from revision 1, but that of this daemon says something else; /)
  writeFileSync(join(dir, '.revision'), 'seven')
  const odd = await v4v(['policy', 'apply', dir])
  t.equal(odd.code, 1)
  t.match(odd.stderr, /\.revision does not say which revision/)
})
