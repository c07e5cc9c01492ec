import { setTimeout as sleep } from 'node:timers/promises'
import { join } from 'node:path'
import t from 'tap'
import { buildTestApp, TestClient, type TestApp } from '../fixtures/build-app.js'

const policy = {
  sets: { guests: ['alice', 'tag:lab:80'], others: [] },
  rules: [{ id: 'g', action: 'accept', source: '@guests:*', destination: 'db:1' }],
}

async function withGuests(t: Parameters<typeof buildTestApp>[0], path?: string): Promise<TestApp> {
  const test = buildTestApp(t, path === undefined ? {} : { path })
  for (const name of ['bob', 'db']) await test.call('POST', '/v1/domains', { name })
  await test.call('PUT', '/v1/policy', policy)
  return test
}

void t.test('an element counts for the next datagram, and its going too', async t => {
  const { call, hypervisor, store, services } = await withGuests(t)
  new TestClient(hypervisor, 'db').bind(1)
  const bob = new TestClient(hypervisor, 'bob')
  bob.bind(7)
  const tableBefore = hypervisor.policy
  t.match(bob.send(7, 'db', 1), { code: 'EPERM' })
  const added = await call('POST', '/v1/sets/guests/elements', {
    element: 'bob',
    reason: 'a visit',
  })
  t.strictSame([added.status, added.body['element']], [201, 'bob'])
  t.match(bob.send(7, 'db', 1), { ok: true })
  t.match((await call('GET', '/v1/sets')).body, {
    sets: [
      {
        name: 'guests',
        elements: [
          { element: 'alice', addedBy: null },
          { element: 'tag:lab:80' },
          { element: 'bob', addedBy: /^token:/, expiresAt: null },
        ],
      },
      { name: 'others', elements: [] },
    ],
  })
  t.match(await call('DELETE', '/v1/sets/guests/elements/bob'), { status: 200 })
  t.match(bob.send(7, 'db', 1), { code: 'EPERM' })
  t.equal(hypervisor.policy, tableBefore, 'nothing was compiled')
  t.match(store.audit.list(2), [
    { action: 'set.remove', target: 'guests' },
    { action: 'set.add', reason: 'a visit' },
  ])
  t.equal(services.revision(), 1, 'and no revision made')
})

void t.test('an element with a time is gone when that is over', async t => {
  const { call, hypervisor, store } = await withGuests(t)
  new TestClient(hypervisor, 'db').bind(1)
  const bob = new TestClient(hypervisor, 'bob')
  bob.bind(7)
  const added = await call('POST', '/v1/sets/guests/elements', { element: 'bob', timeout: '50ms' })
  const expiresAt = added.body['expiresAt'] as number
  const sent = bob.send(7, 'db', 1)
  t.equal(sent.ok || Date.now() >= expiresAt, true)
  while (store.sets.list().length > 0) await sleep(5)
  t.ok(Date.now() >= expiresAt)
  t.match(bob.send(7, 'db', 1), { code: 'EPERM' })
  t.match((await call('GET', '/v1/sets')).body, { sets: [{ elements: [{}, {}] }, {}] })
})

void t.test('what was put in stays over changes of the policy, while it has the set', async t => {
  const { call, hypervisor } = await withGuests(t)
  new TestClient(hypervisor, 'db').bind(1)
  const bob = new TestClient(hypervisor, 'bob')
  bob.bind(7)
  await call('POST', '/v1/sets/guests/elements', { element: 'bob' })
  await call('PUT', '/v1/policy', { ...policy, sets: { guests: ['carol'] } })
  t.match(bob.send(7, 'db', 1), { ok: true })
  await call('PUT', '/v1/policy?confirm=10m', { rules: [] })
  t.match(bob.send(7, 'db', 1), { code: 'EPERM' })
  await call('POST', '/v1/policy/rollback', { revision: 2 })
  t.match(bob.send(7, 'db', 1), { ok: true }, 'what was not confirmed takes nothing away')
  await call('PUT', '/v1/policy', { rules: [] })
  await call('POST', '/v1/policy/rollback', { revision: 2 })
  t.match(bob.send(7, 'db', 1), { code: 'EPERM' }, 'a set of the same name is another set')
})

void t.test('what stands in the policy does not go with what was put in by hand', async t => {
  const { call, hypervisor } = await withGuests(t)
  new TestClient(hypervisor, 'db').bind(1)
  const bob = new TestClient(hypervisor, 'bob')
  bob.bind(7)
  const withBob = { ...policy, sets: { ...policy.sets, guests: ['alice', 'bob'] } }
  await call('POST', '/v1/sets/guests/elements', { element: 'bob', timeout: '1h' })
  await call('PUT', '/v1/policy', withBob)
  t.equal((await call('DELETE', '/v1/sets/guests/elements/bob')).status, 200)
  t.match(bob.send(7, 'db', 1), { ok: true }, 'it was taken out by hand')

  await call('PUT', '/v1/policy', policy)
  const timed = { element: 'bob', timeout: '200ms' }
  const { expiresAt } = (await call('POST', '/v1/sets/guests/elements', timed)).body
  await call('PUT', '/v1/policy', withBob)
  while (Date.now() <= Number(expiresAt)) await sleep(5)
  t.match(bob.send(7, 'db', 1), { ok: true }, 'its time is over')

  await call('PUT', '/v1/policy', policy)
  t.match(bob.send(7, 'db', 1), { code: 'EPERM' })
  await call('POST', '/v1/sets/guests/elements', { element: 'bob' })
  await call('PUT', '/v1/policy', withBob)
  await call('PUT', '/v1/policy', policy)
  t.match(bob.send(7, 'db', 1), { ok: true }, 'only the policy does not say so any more')
})

void t.test('what was put in is there again after a restart', async t => {
  const path = join(t.testdir(), 'v4vd.sqlite')
  await t.test('before', async t => {
    const { call } = await withGuests(t, path)
    await call('POST', '/v1/sets/guests/elements', { element: 'bob' })
    await call('POST', '/v1/sets/guests/elements', { element: 'gone', timeout: '1ms' })
  })
  await t.test('after', async t => {
    const { call, hypervisor } = buildTestApp(t, { path })
    new TestClient(hypervisor, 'db').bind(1)
    const bob = new TestClient(hypervisor, 'bob')
    bob.bind(7)
    t.match(bob.send(7, 'db', 1), { ok: true })
    const { sets } = (await call('GET', '/v1/sets')).body as unknown as {
      sets: { elements: unknown[] }[]
    }
    t.equal(sets[0]?.elements.length, 3)
  })
})

void t.test('what can not be is refused', async t => {
  const { call } = await withGuests(t)
  await call('POST', '/v1/sets/guests/elements', { element: 'bob' })
  for (const [method, url, body, code, message] of [
    ['POST', '/v1/sets/nope/elements', { element: 'bob' }, 'ENOENT', /no set "nope"/],
    ['POST', '/v1/sets/guests/elements', { element: '*' }, 'EINVAL', /element/],
    ['POST', '/v1/sets/guests/elements', { element: 'alice' }, 'EEXIST', /policy says so/],
    ['POST', '/v1/sets/guests/elements', { element: 'x', timeout: 'soon' }, 'EINVAL', /timeout/],
    [
      'POST',
      '/v1/sets/guests/elements',
      { element: 'x expires 1970-01-01T00:00:01Z' },
      'EINVAL',
      /expired already/,
    ],
    ['DELETE', '/v1/sets/guests/elements/alice', undefined, 'EINVAL', /stands in the policy/],
    ['DELETE', '/v1/sets/guests/elements/x', undefined, 'ENOENT', /is not in the set/],
    ['DELETE', '/v1/sets/guests/elements/*', undefined, 'EINVAL', /element/],
    ['DELETE', '/v1/sets/nope/elements/x', undefined, 'ENOENT', /no set/],
  ] as const) {
    const answer = await call(method, url, body)
    t.match(answer.body, { code, message }, `${method} ${url} ${JSON.stringify(body)}`)
  }
  t.equal((await call('DELETE', '/v1/sets/guests/elements/bob')).status, 200)
})
