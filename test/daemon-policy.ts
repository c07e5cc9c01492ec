import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import t from 'tap'
import { connect } from '../src/sdk/index.js'
import { endProcess, spawnDaemon, startDaemon } from './fixtures/daemon.js'
import { stateDir } from './fixtures/state-dir.js'

t.setTimeout(230_000)

interface Grant {
  readonly id: number
  readonly expires: number
}

await t.test(
  'what was not confirmed is rolled back before anything is served, also after a kill',
  async t => {
    const dir = stateDir(t)
    const first = await spawnDaemon(t, dir)
    const rules = [{ id: 'kept', action: 'accept', source: 'web:*', destination: 'db:1' }]
    await first.admin.ask('PUT', '/v1/policy', { rules })
    const { deadline } = await first.admin.ask<{ deadline: number }>(
      'PUT',
      '/v1/policy?confirm=1s',
      { rules: [] },
    )
    const gone = once(first.child, 'exit')
    first.child.kill('SIGKILL')
    await gone
    while (Date.now() <= deadline) await new Promise(resolve => setTimeout(resolve, 20))
    const second = await spawnDaemon(t, dir)
    const list = await second.admin.ask<{ revision: number; rules: { id: string }[] }>(
      'GET',
      '/v1/rules',
    )
    t.match(list, { revision: 4, rules: [{ id: 'kept' }] })
  },
)

await t.test('a daemon that is killed and is back in time rolls back when it is due', async t => {
  const dir = stateDir(t)
  const first = await spawnDaemon(t, dir)
  const rules = [{ id: 'kept', action: 'accept', source: 'web:*', destination: 'db:1' }]
  await first.admin.ask('PUT', '/v1/policy', { rules })
  const { deadline } = await first.admin.ask<{ deadline: number }>('PUT', '/v1/policy?confirm=3s', {
    rules: [],
  })
  await endProcess(first.child, 'SIGKILL')
  const second = await spawnDaemon(t, dir)
  for (;;) {
    const { revision } = await second.admin.stats()
    if (revision === 4) break
    t.equal(revision, 3, 'until then it stays as it was')
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  t.ok(Date.now() >= deadline, 'and not before')
  t.match(await second.admin.ask('GET', '/v1/rules'), { revision: 4, rules: [{ id: 'kept' }] })
})

await t.test('a policy that is damaged gives way to the one before, and that is told', async t => {
  const dir = stateDir(t)
  const daemon = await startDaemon(t, {}, { stateDir: dir })
  const rules = [{ id: 'good', action: 'accept', source: 'web:*', destination: 'db:1' }]
  await daemon.admin.ask('PUT', '/v1/policy', { rules })
  await daemon.admin.ask('PUT', '/v1/policy', { rules: [{ ...rules[0], source: '*:*' }] })
  await daemon.daemon.close()
  const sqlite = new Sqlite(join(dir, 'v4vd.sqlite'))
  sqlite.exec("UPDATE policies SET body = x'00' WHERE revision = 3")
  sqlite.close()

  const again = await startDaemon(t, {}, { stateDir: dir })
  const ready = await fetch(`${again.url}/readyz?verbose`)
  t.equal(ready.status, 503)
  t.match(await ready.json(), {
    status: 'degraded',
    checks: [
      { ok: true },
      { ok: false, message: /revision 3 does not fit.*revision 2 is in force/ },
    ],
  })
  t.match(await again.admin.ask('GET', '/v1/rules'), { revision: 2, rules: [{ source: 'web:*' }] })
  await again.admin.ask('POST', '/v1/rules', { action: 'drop', source: '*:*', destination: 'db:2' })
  t.match(await again.admin.ask('GET', '/v1/rules'), { revision: 4, rules: [{ id: 'good' }, {}] })
  t.equal((await fetch(`${again.url}/readyz`)).status, 200)
})

await t.test('a policy that is gone is not begun anew, and damaged rows let nobody in', async t => {
  const dir = stateDir(t)
  const daemon = await startDaemon(t, {}, { stateDir: dir })
  await daemon.admin.ask('POST', '/v1/domains', { name: 'web' })
  await daemon.daemon.close()
  const token = readFileSync(join(dir, 'admin.token'), 'utf8')
  const sqlite = new Sqlite(join(dir, 'v4vd.sqlite'))
  sqlite.exec(`DELETE FROM policies; UPDATE domains SET name = 'wec', tags = '["x"]'`)
  sqlite.close()

  const again = await startDaemon(t, {}, { stateDir: dir })
  t.match(await (await fetch(`${again.url}/readyz?verbose`)).json(), {
    status: 'degraded',
    checks: [
      { ok: false, message: /^damaged rows were dropped at the start \(1\), which/ },
      { ok: false, message: /^no revision is left, and the audit log has 3 records;/ },
    ],
  })
  t.match(await again.admin.ask('GET', '/v1/rules'), { revision: 0, rules: [] })
  t.same(await again.admin.domains(), [])
  t.equal(readFileSync(join(dir, 'admin.token'), 'utf8'), token)
})

await t.test('a grant holds over a kill and a restart, until it is over or revoked', async t => {
  const dir = stateDir(t)
  const kill = async ({ child }: { readonly child: ChildProcess }): Promise<void> => {
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }
  const first = await spawnDaemon(t, dir)
  for (const name of ['web', 'db']) await first.admin.ask('POST', '/v1/domains', { name })
  const rules = [{ id: 'asked', action: 'ask', source: 'web:*', destination: 'db:*' }]
  await first.admin.ask('PUT', '/v1/policy', { rules })
  const granted = async (at: typeof first, port: number, time: string): Promise<Grant> => {
    await using web = await connect(first.as('web', 'own-socket'))
    const sent = await web.bind(7)
    const waiting = sent.send(`db:${port}`, Buffer.from('x')).catch(() => undefined)
    for (;;) {
      const { asks } = await at.admin.ask<{ asks: { id: number }[] }>('GET', '/v1/asks')
      if (asks.length === 0) continue
      const path = `/v1/asks/${asks[0]!.id}/grant`
      const body = { for: time, reason: 'known' }
      const { grant } = await at.admin.ask<{ grant: Grant }>('POST', path, body)
      await waiting // nobody listens there, which it learns now
      return grant
    }
  }
  const long = await granted(first, 1, '10m')
  const short = await granted(first, 2, '1s')
  await kill(first)
  while (Date.now() <= short.expires) await new Promise(r => setTimeout(r, 20))

  const second = await spawnDaemon(t, dir)
  t.not(long.id, short.id)
  const { grants } = await second.admin.ask<{ grants: object[] }>('GET', '/v1/asks')
  t.match(grants, [{ id: long.id, source: 'web:7', destination: 'db:1', datagrams: 0 }])
  t.equal(grants.length, 1)
  t.match(grants[0], { expires: long.expires })
  {
    await using db = await connect(first.as('db', 'own-socket'))
    const received = await db.bind(1)
    await using web = await connect(first.as('web', 'own-socket'))
    await (await web.bind(7)).send('db:1', Buffer.from('after'))
    for await (const { data } of received) {
      t.equal(Buffer.from(data).toString(), 'after')
      break
    }
  }
  t.ok((await granted(second, 3, '10m')).id > long.id)
  await second.admin.ask('DELETE', `/v1/grants/${long.id}`)
  await kill(second)

  const third = await spawnDaemon(t, dir)
  t.match(await third.admin.ask('GET', '/v1/asks'), { grants: [{ destination: 'db:3' }] })
  await third.admin.ask('DELETE', '/v1/domains/db')
  t.same(await third.admin.ask('GET', '/v1/asks'), { asks: [], grants: [] })
})
