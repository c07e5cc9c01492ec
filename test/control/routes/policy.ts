import t from 'tap'
import { buildTestApp, TestClient } from '../fixtures/build-app.js'

const rules = [
  { action: 'accept', source: 'web:*', destination: 'db:5432', comment: 'app' },
  { id: 'mine', action: 'drop', source: '*:*', destination: '*:*' },
]

void t.test('the whole policy is taken, given out, and taken back unchanged', async t => {
  const { call, hypervisor, store } = buildTestApp(t)
  t.strictSame((await call('GET', '/v1/policy')).body, {
    revision: 0,
    rules: [],
    sets: {},
    tags: {},
    tests: [],
  })
  const put = await call('PUT', '/v1/policy', { rules, reason: 'first' })
  t.strictSame(put.body, {
    revision: 1,
    rules: 2,
    added: 2,
    changed: 0,
    removed: 0,
    deadline: null,
  })
  t.equal(put.headers['etag'], '"1"')
  const got = await call('GET', '/v1/policy')
  t.equal(got.headers['etag'], '"1"')
  t.match(got.body, {
    revision: 1,
    rules: [
      { ...rules[0], id: 'accept-web-db.5432', type: 'any', replies: false },
      { ...rules[1], comment: '' },
    ],
  })
  const again = await call('PUT', '/v1/policy', got.body)
  t.equal(again.body.revision, 2)
  t.strictSame((await call('GET', '/v1/policy')).body['rules'], got.body['rules'])
  t.equal(hypervisor.policy.revision, 2)
  t.match(store.audit.list(2), [
    { action: 'policy.replace' },
    { reason: 'first', revisionAfter: 1 },
  ])
})

void t.test('rules that stay keep their counters, with and without ids', async t => {
  const { call, hypervisor } = buildTestApp(t)
  await call('POST', '/v1/domains', { name: 'web' })
  await call('POST', '/v1/domains', { name: 'db' })
  await call('PUT', '/v1/policy', { rules })
  const web = new TestClient(hypervisor, 'web')
  web.bind(1)
  new TestClient(hypervisor, 'db').bind(5432)
  web.send(1, 'db', 5432)
  web.send(1, 'db', 1)
  await call('PUT', '/v1/policy', { rules })
  t.match((await call('GET', '/v1/rules')).body, { rules: [{ hits: 1 }, { hits: 1 }] })
  await call('PUT', '/v1/policy', { rules: rules.slice(1) })
  t.match((await call('GET', '/v1/rules')).body, { total: 1, rules: [{ hits: 1 }] })
  t.match((await call('GET', '/v1/stats')).body, {
    verdicts: { accept: { datagrams: 1 }, drop: { datagrams: 1 }, reject: { datagrams: 0 } },
  })
})

void t.test('a document made for another revision is refused', async t => {
  const { call, hypervisor } = buildTestApp(t)
  await call('PUT', '/v1/policy', { rules })
  const byHeader = await call(
    'PUT',
    '/v1/policy',
    { rules: [] },
    { headers: { 'if-match': '"0"' } },
  )
  t.strictSame([byHeader.status, byHeader.body.code], [412, 'ESTALE'])
  t.match(byHeader.body.message, /revision 1, no longer at 0/)
  const byBody = await call('PUT', '/v1/policy', { revision: 0, rules: [] })
  t.strictSame([byBody.status, byBody.body.code], [412, 'ESTALE'])
  t.equal(hypervisor.policy.rules.length, 2)
  const headers = { 'if-match': '"1"' }
  t.equal((await call('PUT', '/v1/policy', { rules: [] }, { headers })).body.revision, 2)
})

void t.test('a document with one rule that can not be is refused as a whole', async t => {
  const { call, hypervisor, store } = buildTestApp(t)
  for (const [body, status, message] of [
    [{ rules: [rules[0], { ...rules[1], source: 'x' }] }, 400, /rule 2: source/],
    [{ rules: [rules[0], { ...rules[1], destination: '9:1' }] }, 400, /rule 2: destination/],
    [{ rules: [rules[1], rules[1]] }, 409, /mine/],
    [{ rules: [{ ...rules[1], replies: true }] }, 400, /rule 1: replies/],
    [{ rules: [{ action: 'accept' }] }, 400, /"rules.0.source" is missing/],
    [{ rules: {} }, 400, /"rules" in the body must be array/],
    [{}, 400, /either documents or rules/],
    [{ rules: [], documents: [] }, 400, /either documents or rules/],
  ] as const) {
    const answer = await call('PUT', '/v1/policy', body)
    t.equal(answer.status, status, JSON.stringify(body))
    t.match(answer.body.message, message)
  }
  t.equal(hypervisor.policy.revision, 0)
  t.equal(store.audit.list(1).length, 0)
})
