import t from 'tap'
import { buildTestApp, TestClient } from '../fixtures/build-app.js'

void t.test('a domain is added, shown, listed, changed and removed', async t => {
  const added: string[] = []
  const removed: string[] = []
  const { call, hypervisor, store } = buildTestApp(t, {
    onDomainAdded: async name => {
      await Promise.resolve()
      added.push(name)
    },
    onDomainRemoved: name => void removed.push(name),
  })
  const created = await call('POST', '/v1/domains', { name: 'web', tags: ['b', 'a', 'a'] })
  t.equal(created.status, 201)
  t.match(created.body, {
    revision: 0,
    domain: { id: 1, name: 'web', tags: ['a', 'b'], enabled: true, sessions: 0, rings: 0 },
  })
  t.strictSame(added, ['web'], 'its socket is there before the answer is')
  t.equal(hypervisor.domainNamed('web')?.id, 1)
  t.match((await call('GET', '/v1/domains/web')).body, { id: 1, name: 'web' })
  t.match((await call('GET', '/v1/domains')).body, { domains: [{ name: 'web' }] })

  const patched = await call('PATCH', '/v1/domains/web', { tags: ['c'] })
  t.match(patched.body, { revision: 0, domain: { tags: ['c'] } })
  t.strictSame(hypervisor.domainNamed('web')?.subject.tags, ['c'])

  t.equal((await call('DELETE', '/v1/domains/web')).status, 200)
  t.strictSame(removed, ['web'])
  t.equal(hypervisor.domainNamed('web'), undefined)
  t.equal((await call('GET', '/v1/domains/web')).status, 404)
  t.match(store.audit.verify(), { ok: true, records: 3 })
})

void t.test('however many there are, all are listed, once and by their names', async t => {
  const { call, store, hypervisor } = buildTestApp(t)
  t.strictSame((await call('GET', '/v1/domains')).body, { domains: [] })
  const names: string[] = []
  for (let i = 0; i < 120; i++) {
    const outcome = store.domains.add(`d${(i * 7) % 120}`)
    if (!outcome.ok) throw new Error(outcome.message)
    const { id, name } = outcome.domain
    hypervisor.createDomain(id, name, [])
    names.push(name)
    if (![50, 100, 120].includes(i + 1)) continue
    const { domains } = (await call('GET', '/v1/domains')).body as { domains?: { name: string }[] }
    const listed = domains?.map(domain => domain.name)
    t.strictSame(listed, names.toSorted(), 'at the end of a page, too')
  }
})

void t.test('a domain that is kicked, disabled or removed loses its sessions', async t => {
  const { call, hypervisor } = buildTestApp(t)
  await call('POST', '/v1/domains', { name: 'web' })
  const kicked = new TestClient(hypervisor, 'web')
  const answer = await call('POST', '/v1/domains/web/kick', { reason: 'maintenance' })
  t.strictSame(answer.body, { revision: 0, sessions: 1 })
  t.match(kicked.ends, [{ reason: 'kicked', detail: /maintenance/ }])
  t.strictSame((await call('POST', '/v1/domains/web/kick')).body, { revision: 0, sessions: 0 })

  const disabled = new TestClient(hypervisor, 'web')
  t.match((await call('PATCH', '/v1/domains/web', { enabled: false })).body, {
    domain: { enabled: false, sessions: 0 },
  })
  t.match(disabled.ends, [{ reason: 'quarantine' }])

  const removed = new TestClient(hypervisor, 'web')
  t.equal((await call('DELETE', '/v1/domains/web')).status, 200)
  t.equal(removed.ends.length, 1)
  t.equal([...hypervisor.sessions()].length, 0)
})

void t.test('what can not be is refused with what was wrong', async t => {
  const { call, store, hypervisor } = buildTestApp(t)
  await call('POST', '/v1/domains', { name: 'web' })
  const tags = Array.from({ length: 17 }, (_, i) => `t${i}`)
  for (const [body, status, code, message] of [
    [{ name: 'web' }, 409, 'EEXIST', /already/],
    [{ name: 'Web' }, 400, 'EINVAL', /a-z/],
    [{ name: '7' }, 400, 'EINVAL', /digits/],
    [{ name: 'control' }, 400, 'EINVAL', /own domain/],
    [{ name: 'db', tags: ['A'] }, 400, 'EINVAL', /tag/],
    [{ name: 'db', tags }, 507, 'ENOSPC', /at most 16/],
    [{ name: 7 }, 400, 'EINVAL', /"name" in the body must be string/],
    [{ name: 'db', tags: 'a' }, 400, 'EINVAL', /"tags" in the body must be array/],
    [{ name: 'db', tags: ['a', 1] }, 400, 'EINVAL', /"tags\.1" in the body must be string/],
    [{}, 400, 'EINVAL', /"name" is missing in the body/],
    [[], 400, 'EINVAL', /the body must be object/],
    [{ name: 'db', tag: 'a' }, 400, 'EINVAL', /"tag" in the body is not known.*name, tags/],
  ] as const) {
    const answer = await call('POST', '/v1/domains', body)
    t.strictSame([answer.status, answer.body.code], [status, code], JSON.stringify(body))
    t.match(answer.body.message, message)
  }
  t.strictSame(
    store.domains.list().map(domain => domain.name),
    ['web'],
  )
  t.equal([...hypervisor.domains()].length, 1)
  t.equal(store.audit.list(10).length, 1)

  for (const [method, url, body, status] of [
    ['GET', '/v1/domains/db', undefined, 404],
    ['PATCH', '/v1/domains/db', { tags: [] }, 404],
    ['PATCH', '/v1/domains/web', {}, 400],
    ['PATCH', '/v1/domains/web', { tags: ['A'] }, 400],
    ['PATCH', '/v1/domains/web', { name: 'db' }, 400],
    ['DELETE', '/v1/domains/db', undefined, 404],
    ['POST', '/v1/domains/db/kick', undefined, 404],
    ['POST', '/v1/domains/web/kick', { force: true }, 400],
  ] as const) {
    t.equal((await call(method, url, body)).status, status, `${method} ${url}`)
  }
})

void t.test('when what has to follow fails, the change stands and the log says so', async t => {
  const { call, hypervisor, logged } = buildTestApp(t, {
    onDomainAdded: () => Promise.reject(new Error('no socket')),
  })
  t.equal((await call('POST', '/v1/domains', { name: 'web' })).status, 201)
  t.ok(hypervisor.domainNamed('web'))
  t.match(logged, [{ details: { domain: 'web', err: { message: 'no socket' } } }])
})
