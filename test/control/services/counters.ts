import { join } from 'node:path'
import t from 'tap'
import { buildTestApp, TestClient } from '../fixtures/build-app.js'

void t.test('counters of rules and of the default outlive a restart', async t => {
  const path = join(t.testdir(), 'v4vd.sqlite')
  await t.test('first run', async t => {
    const { call, hypervisor, services } = buildTestApp(t, { path })
    for (const name of ['web', 'db']) await call('POST', '/v1/domains', { name })
    await call('POST', '/v1/rules', { action: 'accept', source: 'web:*', destination: 'db:1' })
    const web = new TestClient(hypervisor, 'web')
    web.bind(80)
    new TestClient(hypervisor, 'db').bind(1)
    web.send(80, 'db', 1)
    web.send(80, 'db', 2)
    t.equal(services.counters.save(), true)
    t.equal(services.counters.save(), true)
  })
  await t.test('second run', async t => {
    const { call, hypervisor, services, store } = buildTestApp(t, { path })
    services.counters.restore()
    t.match((await call('GET', '/v1/rules')).body, {
      rules: [{ id: 'r1', hits: 1, bytes: 5, lastHit: Number }],
      default: { hits: 1, bytes: 5 },
    })
    await call('DELETE', '/v1/rules/r1')
    t.equal(services.counters.save(), true)
    t.strictSame(
      store.counters.load().map(counter => counter.id),
      ['default'],
    )
    t.equal(hypervisor.ruleCounters.has('r1'), false)
  })
})

void t.test('a store that fails to save them is logged once and does not throw', async t => {
  const { services, store, hypervisor, logged } = buildTestApp(t)
  hypervisor.ruleCounter('default').hits = 7
  store.close()
  t.equal(services.counters.save(), false)
  t.equal(services.counters.save(), false)
  t.equal(logged.length, 1)
})
