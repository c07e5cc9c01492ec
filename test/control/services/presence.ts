import { join } from 'node:path'
import t from 'tap'
import { buildTestApp, TestClient, type TestApp } from '../fixtures/build-app.js'

async function lastSeen(call: TestApp['call'], name: string): Promise<unknown> {
  return (await call('GET', `/v1/domains/${name}`)).body['lastSeenAt']
}

void t.test('when domains were last seen is kept, and is now while they are attached', async t => {
  const path = join(t.testdir(), 'v4vd.sqlite')
  const ended: number[] = []
  await t.test('first run', async t => {
    const { call, hypervisor, services, store } = buildTestApp(t, { path })
    for (const name of ['web', 'db', 'idle']) await call('POST', '/v1/domains', { name })
    t.equal(await lastSeen(call, 'web'), null)
    const web = new TestClient(hypervisor, 'web')
    new TestClient(hypervisor, 'db')
    const before = Date.now()
    const seen = Number(await lastSeen(call, 'web'))
    t.ok(seen >= before && seen <= Date.now())
    await services.presence.save()
    t.strictSame([...store.domains.lastSeen().keys()], [1, 2])
    const stored = store.domains.lastSeen()
    await services.presence.save()
    t.strictSame(store.domains.lastSeen(), stored, 'it is not written again so soon')
    hypervisor.endSession(web.session)
    ended.push(Number(await lastSeen(call, 'web')))
    await services.presence.save()
    t.equal(store.domains.lastSeen().get(1), ended[0], 'but when it has ended')
    services.presence.saveNow()
    ended.push(store.domains.lastSeen().get(2)!)
  })
  await t.test('second run', async t => {
    const { call, services, store } = buildTestApp(t, { path })
    services.presence.restore()
    t.equal(await lastSeen(call, 'web'), ended[0])
    t.equal(await lastSeen(call, 'db'), ended[1])
    t.equal(await lastSeen(call, 'idle'), null)
    store.domains.saw([[3, 1]])
    services.presence.saveNow()
    t.equal(store.domains.lastSeen().get(3), 1, 'what has not changed is not written')
  })
})

void t.test('a thousand domains are saved in parts, and all of them are', async t => {
  const { services, store, hypervisor } = buildTestApp(t)
  for (let i = 0; i < 1_001; i++) {
    const outcome = store.domains.add(`d${i}`)
    if (!outcome.ok) throw new Error(outcome.message)
    const { id, name } = outcome.domain
    hypervisor.createDomain(id, name).lastSeenAt = 5
  }
  let turns = 0
  const saving = services.presence.save()
  void services.presence.save() // a second one leaves it to the first
  let isSaved = false
  const count = (): void => {
    turns++
    if (!isSaved) setImmediate(count)
  }
  setImmediate(count)
  await saving
  isSaved = true
  t.ok(turns > 5, 'others had their turn')
  t.equal(store.domains.lastSeen().size, 1_001)
})

void t.test('a store that fails to save it is logged once and does not throw', async t => {
  const { services, store, hypervisor, logged, call } = buildTestApp(t)
  await call('POST', '/v1/domains', { name: 'web' })
  new TestClient(hypervisor, 'web')
  store.close()
  await services.presence.save()
  services.presence.saveNow()
  t.equal(logged.length, 1)
})
