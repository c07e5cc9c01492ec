import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { connect } from '../../src/sdk/index.js'
import { accessTo } from './fixtures/access.js'
import { daemon, run, stateDir, until, type TestDaemon } from './fixtures/v4v.js'

t.setTimeout(230_000) // it starts many processes, on machines of any speed

const policy = { 'a.yaml': 'rules:\n  - id: logs\n    accept: web:* -> collector:514\n' }

const place = await daemon(t, t.testdir(policy))
const access = accessTo(place)
const { admin } = access

// Each case finds the policy as above and no domain.
t.beforeEach(async () => {
  for (const { name } of await admin.domains()) await admin.ask('DELETE', `/v1/domains/${name}`)
  const documents = [{ name: 'a.yaml', text: policy['a.yaml'] }]
  await admin.ask('PUT', '/v1/policy', { documents })
})

async function json(place: TestDaemon, ...args: string[]): Promise<unknown> {
  const { code, stdout, stderr } = await place.v4v([...args, '-o', 'json'])
  if (code !== 0) throw new Error(stderr)
  return JSON.parse(stdout)
}

await t.test('domains are added, listed, shown, kicked and removed', async t => {
  const added = await place.v4v(['domain', 'add', 'web', '--tag', 'a', '--tag', 'b'])
  t.same([added.code, added.stdout], [0, 'added domain web\n'])
  t.match(await json(place, 'domain', 'ls'), [{ name: 'web', tags: ['a', 'b'], sessions: 0 }])
  t.match(
    (await place.v4v(['domain', 'ls'])).stdout,
    /^web +1 +a,b +away +0 +0 +0 B +0 +- +\d{4}-\d\d-\d\dT/m,
  )
  t.match(await json(place, 'domain', 'show', 'web'), { name: 'web', enabled: true })
  t.match((await place.v4v(['domain', 'show', 'web'])).stdout, /^tags +a, b$/m)
  t.equal((await place.v4v(['domain', 'kick', 'web'])).stdout, 'ended 0 sessions of domain web\n')
  await place.v4v(['domain', 'kick', 'web', '--reason', 'ticket 9'])
  t.match(await json(place, 'audit', '--limit', '1'), [
    { action: 'domain.kick', target: 'web', reason: 'ticket 9' },
  ])

  const again = await place.v4v(['domain', 'add', 'web'])
  t.equal(again.code, 3)
  t.match(again.stderr, /^v4v: there is a domain "web" already[^\n]*\(EEXIST\)\n$/)
  const bad = await place.v4v(['domain', 'add', 'Web\u001b[2J'])
  t.equal(bad.code, 3)
  t.match(bad.stderr, /^v4v: [^\n]+\(EINVAL\)\n$/)
  t.notOk(bad.stderr.includes('\u001b'))

  const { revision } = await admin.stats()
  t.match(await json(place, 'domain', 'rm', 'web'), { revision })
  const gone = await place.v4v(['domain', 'show', 'web'])
  t.equal(gone.code, 1)
  t.match(gone.stderr, /^v4v: there is no domain "web"[^\n]*\(ENOENT\)\n$/)
  t.match((await place.v4v(['domain', 'ls'])).stderr, /there are no domains/)
})

await t.test('rules are added at a position, moved and removed', async t => {
  const { revision } = await admin.stats()
  const add = ['rule', 'add', 'accept', 'web:*', 'db:5432']
  const added = await place.v4v([...add, '--at', '1', '--replies', '--comment', 'app to db'])
  const line = `added rule r1: accept web:* -> db:5432 (revision ${revision + 1})\n`
  t.same([added.code, added.stdout], [0, line])
  const listed = await place.v4v(['rule', 'ls', '-v'])
  t.match(listed.stdout, /^1 +r1 +accept +web:\* +db:5432 +any +yes +0 .*- +app to db$/m)
  t.equal((await place.v4v(['rule', 'move', 'r1', '2'])).code, 0)
  t.match(await json(place, 'rule', 'ls'), {
    revision: revision + 2,
    rules: [{ id: 'logs' }, { id: 'r1' }],
  })
  t.match(await json(place, 'rule', 'rm', 'r1'), { revision: revision + 3 })
  t.equal((await place.v4v(['rule', 'rm', 'r1'])).code, 1)
  const refused = await place.v4v(['rule', 'add', 'drop', 'web:*', 'db:1', '--replies'])
  t.equal(refused.code, 3)
  t.match(refused.stderr, /^v4v: replies goes with accept, audit or ask[^\n]*\n$/)
  t.match((await place.v4v(['audit', '--limit', '1'])).stdout, /rule\.remove/)
})

await t.test('the policy is shown as a file that says the same, and explained', async t => {
  const { stdout } = await place.v4v(['policy', 'show'])
  t.match(stdout, 'rules:\n  - id: logs\n    accept: web:* -> collector:514\n')
  const yes = await place.v4v(['policy', 'explain', 'web:9', 'collector:514'])
  t.match(
    yes.stdout,
    /verdict +accept\nbecause +rule 1 matches first\nrule +logs \(1, a\.yaml:2\): accept/,
  )
  const { revision } = await admin.stats()
  const no = await json(place, 'policy', 'explain', 'agent:9', 'collector:514')
  t.match(no, { action: 'reject', rule: null, revision })
})

await t.test('viptables knows its own words', async t => {
  await access.addDomains('web')
  const id = String((await admin.domains())[0]!.id)
  const added = await place.v4v(['viptables', '-I', '1', '-d', id, '-q', '80', '-j', 'REJECT'])
  t.same([added.code, added.stdout, added.stderr], [0, '', ''])
  const listed = await place.v4v(['viptables', '--list'])
  t.equal(listed.stdout, '1 : REJECT web:* -> *:80\n2 : ACCEPT web:* -> collector:514\n')
  const unknown = await place.v4v(['viptables', '-A', '-d', '77', '-j', 'ACCEPT'])
  t.same([unknown.code, unknown.stderr], [3, 'v4v: -d 77: no domain has that number\n'])
  t.equal((await place.v4v(['viptables', '-D', '5'])).code, 3)
  t.equal((await place.v4v(['viptables', '-D', '1'])).code, 0)
  t.equal((await place.v4v(['viptables', '-F'])).code, 0)
  t.equal((await place.v4v(['viptables', '-L'])).stdout, '')
})

await t.test('tokens let a domain in from elsewhere, until they are revoked', async t => {
  await admin.ask('POST', '/v1/domains', { name: 'web' })
  const { stdout } = await place.v4v(['token', 'issue', 'web', '--label', 'laptop'])
  const V4V_TOKEN = stdout.trim()
  const [token] = (await json(place, 'token', 'ls', 'web')) as { id: number; label: string }[]
  t.equal(token!.label, 'laptop')
  t.notMatch((await place.v4v(['token', 'ls', 'web'])).stdout, V4V_TOKEN)

  const send = ['send', 'collector:514', 'x']
  const attached = await place.v4v(send, { env: { V4V_TOKEN } })
  t.match(attached.stderr, /ESRCH/, 'there is nobody to send to, but web was let in')
  const other = await place.v4v([...send, '--as', 'agent'], { env: { V4V_TOKEN } })
  t.equal(other.code, 1)
  t.match(other.stderr, /^v4v: the token is of domain web, not of agent;[^\n]+\n$/)
  t.equal((await place.v4v(['token', 'revoke', String(token!.id)])).code, 0)
  const revoked = await place.v4v(send, { env: { V4V_TOKEN } })
  t.equal(revoked.code, 1)
  t.match(revoked.stderr, /^v4v: can't attach [^\n]*EKEYREVOKED[^\n]*v4v token issue[^\n]*\n$/)
  const stranger = await place.v4v(['domain', 'ls'], { env: { V4V_ADMIN_TOKEN: 'wrong' } })
  t.equal(stranger.code, 1)
  t.match(stranger.stderr, /^v4v: [^\n]+\(EACCES\); set V4V_ADMIN_TOKEN[^\n]+\n$/)
})

await t.test('the token of commands on this machine can be rotated, and they go on', async t => {
  const path = join(place.dir, 'admin.token')
  const { token } = (await json(place, 'token', 'whoami')) as { token: { id: number } }
  const rotate = ['token', 'rotate', String(token.id), '--overlap', '1h', '--expires', '30d']
  const rotated = await place.v4v(rotate)
  t.match(rotated, { code: 0, stderr: 'admin.token in the state folder holds the new one now\n' })
  t.equal(readFileSync(path, 'utf8'), rotated.stdout)
  t.equal(statSync(path).mode & 0o777, 0o600)
  t.match(await json(place, 'token', 'whoami'), { token: { role: 'root', expiresAt: Number } })
})

await t.test('whatever is changed, the audit log has the reason', async t => {
  const why = ['--reason', 'wegen Übung 7']
  await access.addDomains('web')
  const { stdout } = await place.v4v(['token', 'issue', 'web', '-o', 'json', ...why])
  const { token } = JSON.parse(stdout) as { token: { id: number } }
  for (const args of [
    ['token', 'revoke', String(token.id)],
    ['domain', 'kick', 'web'],
    ['domain', 'rm', 'web'],
    ['domain', 'add', 'web'],
    ['audit-mode', 'on', '--domain', 'web'],
    ['rule', 'add', 'accept', 'web:*', 'db:1', '--confirm', '1h'],
    ['policy', 'confirm'],
  ]) {
    const { code, stderr } = await place.v4v([...args, ...why])
    t.equal(code, 0, `${args.join(' ')}: ${stderr}`)
    const [record] = (await json(place, 'audit', '--limit', '1')) as { reason: string }[]
    t.equal(record!.reason, 'wegen Übung 7', args.join(' '))
  }
  await place.v4v(['audit-mode', 'off', '--domain', 'web'])
})

await t.test('check says how the daemon is', async t => {
  const { code, stdout } = await place.v4v(['check'])
  t.equal(code, 0)
  t.match(stdout, /^ok +alive\nok +ready\n +ok +store: /)
  t.match(await json(place, 'check'), [
    { name: 'alive', ok: true },
    { name: 'ready', ok: true },
  ])
})

await t.test('the viewer shows a refusal with its reason as it happens', async t => {
  const place = await daemon(t, t.testdir(policy))
  await accessTo(place).addDomains('web', 'agent')
  t.match((await place.v4v(['flows'])).stderr, /nothing was decided yet/)
  const viewer = place.start(['flows', '-f', '--verdict', 'reject'])
  const line = once(createInterface({ input: viewer.stdout! }), 'line') as Promise<[string]>
  const refused = await place.v4v(['send', 'collector:514', 'x', '--as', 'agent'])
  t.equal(refused.code, 1)
  const [, decision] = /^v4v: EPERM: [^\n]+ \(decision (d-[0-9a-f]+)\); [^\n]+\n$/.exec(
    refused.stderr,
  )!
  const [shown] = await line
  t.match(shown, `${decision}: no rule of revision 1 matches, which means reject`)
  t.match(shown, /reject agent:\d+ -> collector:514 1 datagram, 1 byte EPERM/)
  viewer.kill()
  await place.v4v(['send', 'collector:514', 'x', '--as', 'web'])
  const all = (await json(place, 'flows')) as { verdict: string; code: string }[]
  t.match(all, [
    { verdict: 'reject', code: 'EPERM' },
    { verdict: 'error', code: 'ESRCH' },
  ])
  t.match(await json(place, 'stats'), { verdicts: { reject: { datagrams: 1 } } })
  t.match((await place.v4v(['stats'])).stdout, /^rejected +1 datagrams, 1 B$/m)
})

await t.test('how sessions ended is listed, and shown as it happens', async t => {
  await accessTo(place).addDomains('fleeting')
  await place.v4v(['send', 'collector:514', 'x', '--as', 'fleeting'])
  const viewer = place.start(['session', 'ended', '-f', '--domain', 'fleeting', '--by', 'daemon'])
  const line = once(createInterface({ input: viewer.stdout! }), 'line') as Promise<[string]>
  await place.v4v(['domain', 'quarantine', 'fleeting'])
  const kept = await place.v4v(['send', 'collector:514', 'x', '--as', 'fleeting'])
  t.match(kept.stderr, /is not enabled; an admin lets it in again with "v4v domain release"\n$/)
  t.match(
    (await line)[0],
    /^[^ ]+Z quarantine fleeting \(unix[^)]*\): the domain "fleeting" is not enabled/,
  )
  viewer.kill()

  const ended = (await json(place, 'session', 'ended', '--domain', 'fleeting')) as {
    domain: string
  }[]
  t.match(ended, [
    { domain: 'fleeting', reason: 'left', by: 'client', session: Number },
    { domain: 'fleeting', reason: 'quarantine', by: 'daemon', session: undefined, count: 1 },
  ])
  const table = (await place.v4v(['session', 'ended', '--limit', '1'])).stdout
  t.match(table, /^LAST +DOMAIN +SESSION +COUNT +BY +REASON +FROM +TOKEN +LIVED +SENT /)
  t.match(
    table,
    /Z +fleeting +- +1 +daemon +quarantine +unix.* \d+\.\ds +0 +0 +the domain "fleeting" is not/,
  )
  const none = await place.v4v(['session', 'ended', '--domain', 'nobody'])
  t.same([none.code, none.stdout], [0, ''])
  t.match(none.stderr, /no session has ended/)
  const unknown = await place.v4v(['session', 'ended', '--reason', 'because'])
  t.equal(unknown.code, 2)

  const { stdout } = await place.v4v(['domain', 'show', 'fleeting'])
  t.match(stdout, /^last end +quarantine, [^ ]+Z: the domain "fleeting" is not enabled$/m)
  t.match(stdout, /^what to do +.*v4v domain release/m)
})

await t.test('a port that another session listens on is named, and where to see which', async t => {
  await accessTo(place).addDomains('busy')
  await using busy = await connect(accessTo(place).as('busy', 'own-socket'))
  await busy.bind(9)
  const second = await place.v4v(['listen', '9', '--as', 'busy'])
  t.equal(second.code, 1)
  t.match(second.stderr, /^v4v: busy:9: EADDRINUSE: another session [^\n]*"v4v ring ls"[^\n]*\n$/)
})

await t.test('serve ends well on SIGTERM and refuses a second daemon in one line', async t => {
  const place = await daemon(t, t.testdir(policy))
  const second = await place.v4v(['serve', '--listen', '127.0.0.1:0', '--log-level', 'error'])
  t.equal(second.code, 1)
  t.match(second.stderr, /^v4v: [^\n]*another daemon[^\n]*\n$/)
  const { host } = new URL(accessTo(place).url)
  const taken = await run(
    ['serve', '--state', await stateDir(t), '--listen', host, '--log-level', 'error'],
    {},
  )
  t.equal(taken.code, 1)
  t.match(taken.stderr, /^v4v: the address is taken [^\n]*--listen HOST:PORT\n$/)
  const exit = once(place.child, 'close')
  place.child.kill('SIGTERM')
  t.same(await exit, [0, null])
  await until(async () => !existsSync(`${place.dir}/daemon.json`))
})

await t.test('serve refuses a policy that is wrong, with exit code 3', async t => {
  const dir = t.testdir({ policy: { 'a.yaml': 'rules:\n  - permit: all\n' }, state: {} })
  const { code, stderr } = await run([
    ...['serve', '--state', `${dir}/state`, '--policy', `${dir}/policy`],
    ...['--listen', '127.0.0.1:0', '--log-level', 'error'],
  ])
  t.equal(code, 3)
  t.match(stderr, /^v4v: [^\n]*a\.yaml:2:5: [^\n]+\n$/)
})
