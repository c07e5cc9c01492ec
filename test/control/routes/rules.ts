import t from 'tap'
import { decodePolicy } from '../../../src/store/policy-body.js'
import { buildTestApp, TestClient, type TestApp } from '../fixtures/build-app.js'

async function withDomains(t: Parameters<typeof buildTestApp>[0]): Promise<TestApp> {
  const test = buildTestApp(t)
  await test.call('POST', '/v1/domains', { name: 'web' })
  await test.call('POST', '/v1/domains', { name: 'db', tags: ['data'] })
  return test
}

const rule = { action: 'accept', source: 'web:*', destination: 'db:5432' }

void t.test('a rule is in force for live traffic before its answer is there', async t => {
  const { call, hypervisor, store, services } = await withDomains(t)
  const db = new TestClient(hypervisor, 'db')
  db.bind(5432)
  const web = new TestClient(hypervisor, 'web')
  web.bind(1000)
  t.match(web.send(1000, 'db', 5432), { ok: false, code: 'EPERM' })

  const added = await call('POST', '/v1/rules', { ...rule, comment: 'app to db' })
  t.equal(added.status, 201)
  t.match(added.body, {
    revision: 1,
    rule: { id: 'r1', position: 1, ...rule, type: 'any', replies: false, hits: 0, lastHit: null },
  })
  t.strictSame(db.events, [{ kind: 'policy-changed', revision: 1 }])
  t.match(web.send(1000, 'db', 5432), { ok: true })
  t.match((await call('GET', '/v1/rules/r1')).body, { hits: 1, bytes: 5, lastHit: Number })

  t.strictSame((await call('DELETE', '/v1/rules/r1')).body, { revision: 2, id: 'r1' })
  t.match(web.send(1000, 'db', 5432), { ok: false, code: 'EPERM' })
  t.match((await call('GET', '/v1/rules')).body, {
    total: 0,
    default: { action: 'reject', hits: 2 },
  })
  t.strictSame(
    services.tally.totals(),
    {
      accept: { datagrams: 1, bytes: 5 },
      reject: { datagrams: 2, bytes: 10 },
      drop: { datagrams: 0, bytes: 0 },
      audit: { datagrams: 0, bytes: 0 },
      ask: { datagrams: 0, bytes: 0 },
    },
    'what a rule has decided is counted also when it is gone',
  )
  t.equal(hypervisor.ruleCounters.has('r1'), false)
  t.equal(store.policies.currentRevision(), hypervisor.policy.revision)
})

void t.test('rules are added at a position, moved, and changed', async t => {
  const { call, hypervisor, store } = await withDomains(t)
  const ids = (): string[] => hypervisor.policy.rules.map(each => each.id)
  await call('POST', '/v1/rules', { ...rule, id: 'a' })
  await call('POST', '/v1/rules', { ...rule, id: 'b' })
  t.match((await call('POST', '/v1/rules', { ...rule, id: 'c', position: 1 })).body, {
    revision: 3,
    rule: { position: 1 },
  })
  t.strictSame(ids(), ['c', 'a', 'b'])
  t.match((await call('PATCH', '/v1/rules/c', { position: 3 })).body, {
    revision: 4,
    rule: { position: 3 },
  })
  t.strictSame(ids(), ['a', 'b', 'c'])
  const patch = {
    action: 'drop',
    source: 'tag:data:*',
    destination: '*:1-9',
    type: 'dgram',
    comment: 'x',
  }
  t.match((await call('PATCH', '/v1/rules/b', { ...patch, position: 1 })).body, {
    rule: { id: 'b', position: 1, ...patch },
  })
  t.match((await call('PATCH', '/v1/rules/a', { replies: true })).body, { rule: { replies: true } })
  t.strictSame(ids(), ['b', 'a', 'c'])
  t.match((await call('GET', '/v1/rules?from=2&limit=1')).body, {
    total: 3,
    rules: [{ id: 'a', position: 2 }],
  })
  const kept = store.policies.get(store.policies.currentRevision())
  t.match(decodePolicy(kept!.format, kept!.body), { rules: ids().map(id => ({ id })) })
  t.equal(store.policies.currentRevision(), hypervisor.policy.revision)
  t.match(store.audit.verify(), { ok: true, records: 8 })
})

void t.test('the number of a domain is turned into its name', async t => {
  const { call } = await withDomains(t)
  t.match(
    (await call('POST', '/v1/rules', { action: 'accept', source: '1:80', destination: '0:9' }))
      .body,
    {
      rule: { source: 'web:80', destination: 'control:9' },
    },
  )
  t.match((await call('PATCH', '/v1/rules/r1', { destination: '2:*' })).body, {
    rule: { destination: 'db:*' },
  })
  const unknown = await call('POST', '/v1/rules', { ...rule, source: '9:80' })
  t.strictSame([unknown.status, unknown.body.code], [400, 'EINVAL'])
  t.match(unknown.body.message, /source: no domain has the number 9/)
})

void t.test('the revision a change was made for has to be the one in force', async t => {
  const { call, hypervisor } = await withDomains(t)
  await call('POST', '/v1/rules', rule)
  for (const [method, url, body] of [
    ['POST', '/v1/rules', rule],
    ['PATCH', '/v1/rules/r1', { action: 'drop', position: 1 }],
    ['DELETE', '/v1/rules/r1', undefined],
  ] as const) {
    const stale = await call(method, url, body, { headers: { 'if-match': '"0"' } })
    t.strictSame([stale.status, stale.body.code], [412, 'ESTALE'], method)
  }
  t.equal(hypervisor.policy.revision, 1)
  const headers = { 'if-match': 'W/"1"' }
  const fresh = await call('PATCH', '/v1/rules/r1', { action: 'drop', position: 1 }, { headers })
  t.equal(fresh.status, 200)
  t.equal(fresh.body.revision, 2, 'saying something else and moving are one revision')
  t.equal((await call('POST', '/v1/rules', rule, { headers: { 'if-match': '*' } })).status, 201)
  t.equal((await call('POST', '/v1/rules', rule, { headers: { 'if-match': 'x' } })).status, 400)
})

void t.test('what can not be is refused and changes nothing', async t => {
  const { call, store, hypervisor } = await withDomains(t)
  await call('POST', '/v1/rules', rule)
  for (const [method, url, body, status, code, message] of [
    [
      'POST',
      '/v1/rules',
      { ...rule, action: 'allow' },
      400,
      'EINVAL',
      /"accept", "reject", "drop"/,
    ],
    ['POST', '/v1/rules', { ...rule, source: 'web' }, 400, 'EINVAL', /source: .*no port/],
    ['POST', '/v1/rules', { ...rule, destination: 'db:70000000000' }, 400, 'EINVAL', /destination/],
    ['POST', '/v1/rules', { ...rule, type: 'raw' }, 400, 'EINVAL', /"type"/],
    [
      'POST',
      '/v1/rules',
      { ...rule, priority: '1/s' },
      400,
      'EINVAL',
      /"priority" in the body is not known/,
    ],
    ['POST', '/v1/rules', { ...rule, action: 'drop', replies: true }, 400, 'EINVAL', /replies/],
    ['POST', '/v1/rules', { ...rule, comment: 'a\nb' }, 400, 'EINVAL', /comment/],
    ['POST', '/v1/rules', { ...rule, id: 'default' }, 400, 'EINVAL', /reserved/],
    ['POST', '/v1/rules', { ...rule, id: 'A' }, 400, 'EINVAL', /id/],
    ['POST', '/v1/rules', { ...rule, id: 'r1' }, 409, 'EEXIST', /r1/],
    ['POST', '/v1/rules', { ...rule, position: 9 }, 400, 'EINVAL', /position/],
    ['POST', '/v1/rules', { ...rule, position: 0 }, 400, 'EINVAL', /"position".*>= 1/],
    ['POST', '/v1/rules', { ...rule, position: 1.5 }, 400, 'EINVAL', /"position".*integer/],
    ['POST', '/v1/rules', { action: 'accept' }, 400, 'EINVAL', /"source" is missing.*web:80/],
    ['GET', '/v1/rules/nope', undefined, 404, 'ENOENT', /nope/],
    ['GET', '/v1/rules?from=0', undefined, 400, 'EINVAL', /"from" in the query/],
    ['GET', '/v1/rules?from=1&from=2', undefined, 400, 'EINVAL', /"from"/],
    ['GET', '/v1/rules?page=1', undefined, 400, 'EINVAL', /"page"/],
    ['PATCH', '/v1/rules/nope', { action: 'drop' }, 404, 'ENOENT', /nope/],
    ['PATCH', '/v1/rules/nope', { position: 1 }, 404, 'ENOENT', /nope/],
    ['PATCH', '/v1/rules/r1', {}, 400, 'EINVAL', /nothing to change/],
    ['PATCH', '/v1/rules/r1', { source: 'x' }, 400, 'EINVAL', /source/],
    ['PATCH', '/v1/rules/r1', { destination: 'x' }, 400, 'EINVAL', /destination/],
    ['PATCH', '/v1/rules/r1', { action: 'drop', position: 5 }, 400, 'EINVAL', /position/],
    ['PATCH', '/v1/rules/r1', { id: 'x' }, 400, 'EINVAL', /"id"/],
    ['DELETE', '/v1/rules/nope', undefined, 404, 'ENOENT', /nope/],
  ] as const) {
    const answer = await call(method, url, body)
    t.strictSame(
      [answer.status, answer.body.code],
      [status, code],
      `${method} ${url} ${JSON.stringify(body)}`,
    )
    t.match(answer.body.message, message)
  }
  t.equal(store.policies.currentRevision(), 1)
  t.equal(hypervisor.policy.rules[0]?.action, 'accept', 'half of a change is none')
  t.equal(hypervisor.policy.revision, 1)
  t.equal(store.audit.list(10).length, 3)
})

void t.test('many rules are listed as few are, by the thread that knows them', async t => {
  const { call, hypervisor } = buildTestApp(t)
  const rules = Array.from({ length: 120 }, (_, i) => ({
    id: `r-${i + 1}`,
    action: 'accept',
    source: 'web:*',
    destination: `db:${i + 1}`,
    comment: 'caf\u00e9',
  }))
  t.equal((await call('PUT', '/v1/policy', { rules })).status, 200)
  hypervisor.ruleCounter('r-60').hits = 7
  hypervisor.ruleCounter('default').hits = 8
  const all = (await call('GET', '/v1/rules')).body
  t.match(all, { revision: 1, total: 120, rules: { length: 120 }, default: { hits: 8 } })
  t.match(all.rules![59], { id: 'r-60', position: 60, comment: 'caf\u00e9', hits: 7 })
  const some = (await call('GET', '/v1/rules?from=60&limit=55')).body
  t.same(some.rules, all.rules!.slice(59, 114))
  const few = (await call('GET', '/v1/rules?from=60&limit=5')).body
  t.same(few.rules, all.rules!.slice(59, 64))
  t.match((await call('GET', '/v1/rules?from=500')).body, { total: 120, rules: { length: 0 } })
})
