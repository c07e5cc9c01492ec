import { once } from 'node:events'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import t from 'tap'
import { endProcess, spawnDaemon, startDaemon } from './fixtures/daemon.js'
import { stateDir } from './fixtures/state-dir.js'

t.setTimeout(230_000)

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
  const { deadline } = await first.admin.ask<{ deadline: number }>('PUT', '/v1/policy?confirm=5s', {
    rules: [],
  })
  await endProcess(first.child, 'SIGKILL')
  const second = await spawnDaemon(t, dir)
  for (;;) {
    const { revision } = await second.admin.stats()
    if (revision === 4) break
    t.equal(revision, 3, 'until then it stays as it was')
    await new Promise(resolve => setTimeout(resolve, 100))
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
