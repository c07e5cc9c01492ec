import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import t, { type Test } from 'tap'
import type { AuditHead } from '../src/cli/rest.js'
import { startDaemon as start } from '../src/daemon.js'
import { loadNative } from '../src/native/native.js'
import { connect, memoryPair } from '../src/sdk/index.js'
import { copyDatabase } from '../src/store/database-file.js'
import { ManyCommands } from './cli/fixtures/many.js'
import { failToServe, spawnDaemon, startDaemon, until } from './fixtures/daemon.js'
import { stateDir } from './fixtures/state-dir.js'

t.setTimeout(230_000)

const inOrder = (a: string | null, b: string | null): number => (a! < b! ? -1 : 1)

/** Runs what fails, all of it in one process: that the command's own ends is seen below. */
const commands = new ManyCommands()
t.teardown(() => commands.close())

/** Asserts that a start failed in one clear line, and that nothing of it is left. */
async function fails(
  t: Test,
  dir: string,
  args: readonly string[],
  code: number,
  line: RegExp,
): Promise<void> {
  const serve = ['serve', '--state', dir, '--listen', '127.0.0.1:0', ...args]
  const ended = await commands.run({ args: serve })
  t.equal(ended.code, code, ended.stderr)
  t.match(ended.stderr, line)
  t.equal(ended.stderr.trimEnd().split('\n').length, 1, ended.stderr)
  t.equal(ended.stdout, '')
  t.notOk(existsSync(join(dir, 'daemon.json')))
}

await t.test('a daemon serves REST and all ways in, and closes', async t => {
  const daemon = await startDaemon(t)
  const endpoint = JSON.parse(readFileSync(join(daemon.stateDir, 'daemon.json'), 'utf8')) as object
  t.same(endpoint, { url: daemon.url, socket: daemon.socketPath, pid: process.pid })
  t.equal(statSync(daemon.daemon.adminTokenPath).mode & 0o777, 0o600)
  t.equal(statSync(join(daemon.stateDir, 'v4vd.sqlite')).mode & 0o777, 0o600)
  await daemon.addDomains('web')
  t.equal(statSync(daemon.domainSocket('web')).mode & 0o777, 0o600)
  const [ours, theirs] = memoryPair()
  daemon.daemon.attach(ours, 'web')
  const clients = await Promise.all([
    connect(daemon.as('web', 'unix')),
    connect(daemon.as('web', 'ws')),
    connect({ ...daemon.as('web', 'own-socket'), sharedMemory: 'off' }),
    connect({ memory: () => theirs, token: '' }),
  ])
  t.same((await daemon.admin.sessions()).map(session => session.transport).toSorted(inOrder), [
    'memory',
    ...((await loadNative()) === undefined ? ['unix'] : ['shared-memory']),
    'unix',
    'websocket',
  ])
  await daemon.daemon.close()
  for (const client of clients) t.match((await client.closed)?.message, /shutting down/)
  t.notOk(existsSync(join(daemon.stateDir, 'daemon.json')))
  t.notOk(existsSync(daemon.socketPath))
  t.same(readdirSync(join(daemon.stateDir, 'domains')), [])
  await daemon.daemon.close()
  t.pass('closing again changes nothing')
})

await t.test('what an admin made is there again after a restart', async t => {
  const dir = stateDir(t)
  const first = await startDaemon(t, {}, { stateDir: dir })
  await first.addDomains('web', 'db')
  await first.admin.addRule('accept', 'web:*', 'db:*')
  const db = await connect(first.as('db'))
  await db.bind(1)
  const web = await connect(first.as('web'))
  for (let i = 0; i < 5; i++) await web.send('db:1', new Uint8Array(3))
  const { revision } = await first.admin.stats()
  await first.daemon.close()

  const second = await startDaemon(t, {}, { stateDir: dir })
  t.equal(second.admin.token, first.admin.token)
  t.equal((await second.admin.stats()).revision, revision)
  t.equal((await second.admin.stats()).verdicts.accept.datagrams, 5, 'also what was counted')
  t.same(
    (await second.admin.domains()).map(domain => domain.name),
    ['db', 'web'],
  )
  const again = await connect({ url: `unix:${second.socketPath}`, token: first.tokens.get('db')! })
  await again.bind(1)
  const sender = await connect({ url: second.wsUrl, token: first.tokens.get('web')! })
  await sender.send('db:1', new Uint8Array(3))
  await again.close()
  await sender.close()
})

await t.test('a database that was put back is told by the audit log', async t => {
  const dir = stateDir(t)
  const first = await startDaemon(t, {}, { stateDir: dir })
  const path = join(dir, 'v4vd.sqlite')
  copyDatabase(path, join(dir, 'copy'))
  await first.addDomains('web', 'db')
  const head = await first.admin.ask<AuditHead>('GET', '/v1/audit/head')
  await first.daemon.close()
  t.equal(readFileSync(join(dir, 'audit.head'), 'utf8').trim(), `${head.seq}:${head.hash}`)
  copyFileSync(join(dir, 'copy'), path)

  const { admin } = await startDaemon(t, {}, { stateDir: dir })
  const verify = '/v1/audit/verify'
  const lost = `the audit log ends with record 1, and there was a record ${head.seq}: at least records 2 to ${head.seq} are lost`
  t.same(await admin.ask('GET', verify), {
    ok: false,
    seq: 2,
    message: `audit record 2 says that others were lost: ${lost}`,
  })
  t.match(await admin.ask('GET', `${verify}?head=${head.seq}:${head.hash}`), { ok: false, seq: 3 })
  const now = await admin.ask<AuditHead>('GET', '/v1/audit/head')
  t.match(await admin.ask('GET', `${verify}?head=${now.seq}:${now.hash}`), { ok: true, records: 2 })
})

await t.test('`v4v serve` ends with exit code 0 when it is told to', async t => {
  const daemon = await spawnDaemon(t)
  await daemon.addDomains('web')
  const web = await connect(daemon.as('web', 'ws'))
  t.equal(await daemon.stop(), 0)
  t.match((await web.closed)?.message, /shutting down/)
  t.notOk(existsSync(join(daemon.stateDir, 'daemon.json')))
})

await t.test('a file in the place of the state folder stays as it is', async t => {
  const dir = join(stateDir(t), 'state')
  writeFileSync(dir, 'precious')
  await fails(t, dir, [], 1, /the state folder .*state can't be made .*choose another/)
  t.equal(readFileSync(dir, 'utf8'), 'precious')
  await fails(t, join(dir, 'below'), [], 1, /can't be made \(ENOTDIR/)
})

await t.test('a state folder that no file system makes is refused, and soon', async t => {
  await fails(t, '/proc/v4v-state', [], 1, /the state folder \/proc\/v4v-state can't be made/)
})

await t.test('a state folder whose sockets would have too long a path is refused', async t => {
  const dir = join(stateDir(t), 'x'.repeat(90))
  await fails(t, dir, [], 1, /longer than the 107 bytes/)
})

await t.test('a port that is taken is named, and the state folder is free again', async t => {
  const dir = stateDir(t)
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  await fails(t, dir, ['--listen', `127.0.0.1:${port}`], 1, /taken by another program.*--listen/)
  t.notOk(existsSync(join(dir, 'v4v.sock')))
  await t.rejects(start({ stateDir: dir, port, logLevel: 'silent' }), { code: 'EADDRINUSE' })
  const daemon = await startDaemon(t, {}, { stateDir: dir })
  t.ok(await daemon.admin.stats())
})

await t.test('a second daemon on a state folder is refused and does the first no harm', async t => {
  const first = await spawnDaemon(t)
  await first.addDomains('web')
  const web = await connect(first.as('web'))
  const ended = await failToServe(['--state', first.stateDir, '--listen', '127.0.0.1:0'])
  t.equal(ended.code, 1)
  t.match(ended.stderr, /another daemon is running on .*: stop it, or use another/)
  t.equal(ended.stderr.trimEnd().split('\n').length, 1)
  await t.rejects(start({ stateDir: first.stateDir, port: 0, logLevel: 'silent' }), {
    message: /another daemon is running/,
  })
  const ring = await web.bind(1)
  await t.rejects(ring.send('web:2', new Uint8Array(1)), { code: 'EPERM' })
  const again = await connect(first.as('web', 'own-socket'))
  await again.close()
  await web.close()
  t.ok(existsSync(join(first.stateDir, 'daemon.json')))
})

await t.test('a daemon that was killed does not keep its state folder', async t => {
  const dir = stateDir(t)
  const first = await spawnDaemon(t, dir)
  await first.addDomains('web')
  first.child.kill('SIGKILL')
  await until(
    () => first.child.signalCode,
    signal => signal !== null,
  )
  t.ok(existsSync(first.socketPath), 'its sockets are left')
  const second = await spawnDaemon(t, dir)
  const web = await connect({ url: `unix:${second.domainSocket('web')}` })
  await web.close()
})

await t.test('a database of a newer version is left as it is', async t => {
  const dir = stateDir(t)
  const daemon = await startDaemon(t, {}, { stateDir: dir })
  await daemon.daemon.close()
  const path = join(dir, 'v4vd.sqlite')
  const database = new Sqlite(path)
  database.exec('PRAGMA user_version = 9999; CREATE TABLE later (x)')
  database.close()
  const before = readFileSync(path)
  await fails(t, dir, [], 1, /is of version 9999 and this program knows versions up to/)
  t.ok(readFileSync(path).equals(before))
})

await t.test('a database that is damaged is left as it is', async t => {
  const dir = stateDir(t)
  const path = join(dir, 'v4vd.sqlite')
  writeFileSync(
    path,
    'this was a database once, and now it is a letter to nobody at all\n'.repeat(99),
  )
  const before = readFileSync(path)
  await fails(t, dir, [], 1, /v4vd.sqlite is damaged .*mend it with "v4v state repair"/)
  t.ok(readFileSync(path).equals(before))
})

await t.test('a setting that can not be used is named', async t => {
  const dir = stateDir(t)
  writeFileSync(join(dir, 'v4vd.yaml'), 'prot: 8484\n')
  await fails(t, dir, [], 3, /v4vd.yaml: there is no setting "prot"/)
  t.same(readdirSync(dir), ['v4vd.yaml'])
  const usage = await failToServe(['--listen', 'nonsense'])
  t.equal(usage.code, 2)
  t.match(usage.stderr, /listen is HOST:PORT/)
})

await t.test(
  'a policy folder that is broken is refused, and the next start is the first',
  async t => {
    const dir = stateDir(t)
    const policy = stateDir(t)
    await fails(t, dir, ['--policy', policy], 3, /has no .yaml file/)
    await fails(t, dir, ['--policy', join(policy, 'none')], 3, /can not be read/)
    writeFileSync(join(policy, 'a.yaml'), 'rules:\n  - accept: web:* -> \n  - refuse: a:1 -> b:2\n')
    await fails(t, dir, ['--policy', policy], 3, /a.yaml:2:/)
    t.notOk(existsSync(join(dir, 'admin.token')))
    writeFileSync(join(policy, 'a.yaml'), 'rules:\n  - id: one\n    accept: web:* -> db:1\n')
    mkdirSync(join(dir, 'admin.token'))
    await fails(t, dir, ['--policy', policy], 1, /admin.token/)
    rmdirSync(join(dir, 'admin.token'))
    const daemon = await startDaemon(t, {}, { stateDir: dir, policyDir: policy })
    const { rules } = await daemon.admin.ask<{ rules: { id: string }[] }>('GET', '/v1/rules')
    t.same(
      rules.map(rule => rule.id),
      ['one'],
    )
  },
)
