import { join } from 'node:path'
import t from 'tap'
import { buildTestApp, TestClient } from '../fixtures/build-app.js'

await t.test('audit mode is switched for a domain or for everything, and written down', async t => {
  const { call, hypervisor, store } = buildTestApp(t)
  for (const name of ['web', 'db', 'app']) await call('POST', '/v1/domains', { name })
  const web = new TestClient(hypervisor, 'web')
  web.bind(80)
  new TestClient(hypervisor, 'db').bind(1)
  const app = new TestClient(hypervisor, 'app')
  app.bind(80)
  const put = (body: object): ReturnType<typeof call> => call('PUT', '/v1/audit-mode', body)

  t.same((await call('GET', '/v1/audit-mode')).body, { all: false, domains: [] })
  t.match(web.send(80, 'db', 1), { code: 'EPERM' })
  t.same((await put({ on: true, domain: 'web' })).body, { all: false, domains: ['web'] })
  t.match(web.send(80, 'db', 1), { ok: true })
  t.match(app.send(80, 'db', 1), { code: 'EPERM' })
  t.same((await put({ on: true, reason: 'trying out' })).body, { all: true, domains: ['web'] })
  t.match(app.send(80, 'db', 1), { ok: true })
  t.match((await call('GET', '/v1/flows?format=json&verdict=audit')).body, {
    flows: [
      { source: 'web:80', rule: null, reason: /; but audit mode delivers it$/ },
      { source: 'app:80' },
    ],
  })
  await put({ on: false, domain: 'web' })
  t.same((await put({ on: false })).body, { all: false, domains: [] })
  t.match(web.send(80, 'db', 1), { code: 'EPERM' })
  t.equal((await put({ on: true, domain: 'nobody' })).status, 404)
  t.match(
    store.audit.list(4).map(({ action, target, reason }) => [action, target, reason]),
    [
      ['audit-mode.off', '*', ''],
      ['audit-mode.off', 'web', ''],
      ['audit-mode.on', '*', 'trying out'],
      ['audit-mode.on', 'web', ''],
    ],
  )
  t.match((await call('GET', '/v1/stats')).body, {
    verdicts: { audit: { datagrams: 2 }, reject: { datagrams: 3 } },
  })
})

await t.test('audit mode is as it was after a restart', async t => {
  const path = join(t.testdir(), 'v4vd.sqlite')
  const first = buildTestApp(t, { path })
  for (const name of ['web', 'db']) await first.call('POST', '/v1/domains', { name })
  await first.call('PUT', '/v1/audit-mode', { on: true, domain: 'web' })
  await first.app.close()
  first.store.close()
  const { call } = buildTestApp(t, { path })
  t.same((await call('GET', '/v1/audit-mode')).body, { all: false, domains: ['web'] })
})
