import t from 'tap'
import { buildTestApp, TestClient, type TestApp } from '../fixtures/build-app.js'

const text = `# why
sets:
  guests: []
rules:
  - id: app
    accept: "tag:front:* -> db:5432"
  - id: guests
    accept: "@guests:* -> db:22"
tests:
  - { from: "web:1", to: "db:5432", expect: accept }
`
const documents = [{ name: '10-app.yaml', text }]

async function withPolicy(t: Parameters<typeof buildTestApp>[0]): Promise<TestApp> {
  const test = buildTestApp(t)
  await test.call('POST', '/v1/domains', { name: 'web', tags: ['front'] })
  for (const name of ['db', 'bob']) await test.call('POST', '/v1/domains', { name })
  const put = await test.call('PUT', '/v1/policy', { documents })
  if (put.status !== 200) throw new Error(put.text)
  return test
}

void t.test('a plan says what would change, and changes nothing', async t => {
  const { call, hypervisor, services } = await withPolicy(t)
  new TestClient(hypervisor, 'db').bind(5432)
  const web = new TestClient(hypervisor, 'web')
  web.bind(9)
  web.send(9, 'db', 5432)
  const same = await call('POST', '/v1/policy/plan', { documents })
  t.match(same.body, { status: 'none', revision: 1, tests: { run: 1, failed: 0 } })
  const [rules = ''] = text.split('tests:')
  const other = [{ name: '10-app.yaml', text: rules.replace('db:5432', 'db:5433') }]
  const changed = await call('POST', '/v1/policy/plan', { documents: other })
  t.match(changed.body, {
    status: 'changes',
    rules: { changed: 1 },
    decisions: { admitted: 1, refused: 1 },
    flows: { newlyRefused: { flows: 1, listed: [{ source: 'web', destinationPort: 5432 }] } },
  })
  const failing = [{ name: '10-app.yaml', text: text.replace('-> db:5432"\n', '-> db:1"\n') }]
  t.match((await call('POST', '/v1/policy/plan', { documents: failing })).body, {
    status: 'refused',
    tests: { failed: 1, failures: [{ file: '10-app.yaml', line: 10 }] },
  })
  t.match((await call('POST', '/v1/policy/plan', { documents: [{ name: 'a', text: 'x' }] })).body, {
    code: 'EINVAL',
    details: [{ file: 'a', line: 1 }],
  })
  t.match((await call('POST', '/v1/policy/plan')).body, { code: 'EINVAL', message: /missing/ })
  t.equal(services.revision(), 1)
})

void t.test('explain names the rule with its place, of any revision', async t => {
  const { call } = await withPolicy(t)
  const ask = async (body: object): Promise<object> =>
    (await call('POST', '/v1/policy/explain', body)).body
  t.match(await ask({ from: 'web:1', to: 'db:5432' }), {
    revision: 1,
    action: 'accept',
    rule: { id: 'app', position: 1, place: { file: '10-app.yaml', line: 5 } },
  })
  await call('PUT', '/v1/policy', { rules: [] })
  t.match(await ask({ from: 'web:1', to: 'db:5432' }), {
    revision: 2,
    action: 'reject',
    rule: null,
  })
  t.match(await ask({ from: 'web:1', to: 'db:5432', revision: 1 }), { action: 'accept' })
  t.match(await ask({ from: 'web:1', to: 'db:5432', revision: 0 }), { action: 'reject' })
  t.match(await ask({ from: 'web:1', to: 'db:5432', revision: 9 }), { code: 'ENOENT' })
  t.match(await ask({ from: 'web', to: 'db:5432' }), { code: 'EINVAL', message: /^from: / })
})

void t.test('explain says of a size what a datagram of that size meets', async t => {
  const { call, hypervisor } = await withPolicy(t)
  const small = {
    id: 'small',
    action: 'accept',
    source: 'web:*',
    destination: 'db:80',
    maxBytes: 5,
  }
  await call('POST', '/v1/rules', small)
  new TestClient(hypervisor, 'db').bind(80)
  const web = new TestClient(hypervisor, 'web')
  web.bind(1)
  for (const [payload, code] of [
    ['12345', undefined],
    ['123456', 'EMSGSIZE'],
  ] as const) {
    const asked = { from: 'web:1', to: 'db:80', size: payload.length }
    const { body } = await call('POST', '/v1/policy/explain', asked)
    t.match(body, { action: 'accept', decidedBy: 'small', maxBytes: 5 })
    const sent = web.send(1, 'db', 80, payload)
    t.strictSame([body.code, sent.ok ? undefined : sent.code], [code, code])
  }
  for (const size of [-1, 0.5, '5', 2 ** 24]) {
    const answer = await call('POST', '/v1/policy/explain', { from: 'web:1', to: 'db:80', size })
    t.match(answer, { status: 400, body: { code: 'EINVAL', message: /size/ } })
  }
})

void t.test('explain says where audit mode delivers what is refused', async t => {
  const { call, hypervisor } = await withPolicy(t)
  const small = { id: 'small', action: 'accept', source: 'web:*', destination: 'db:80' }
  await call('POST', '/v1/rules', { ...small, maxBytes: 5 })
  const explain = async (asked: object): Promise<unknown> =>
    (await call('POST', '/v1/policy/explain', asked)).body
  const [refused, large] = [
    { from: 'db:9', to: 'web:9' },
    { from: 'web:1', to: 'db:80', size: 6 },
  ]
  for (const asked of [refused, large]) {
    t.notHas(await explain(asked), { audited: true })
    await call('PUT', '/v1/audit-mode', { domain: 'db', on: true })
    t.match(await explain(asked), { audited: true })
    t.notHas(await explain({ ...asked, revision: hypervisor.policy.revision }), { audited: true })
    await call('PUT', '/v1/audit-mode', { domain: 'db', on: false })
  }
  await call('PUT', '/v1/audit-mode', { on: true })
  t.match(await explain(large), { action: 'accept', code: 'EMSGSIZE', audited: true })
  t.notHas(await explain({ ...large, size: 5 }), { audited: true })
  t.notHas(await explain({ from: 'web:1', to: 'control:1' }), { audited: true })
  new TestClient(hypervisor, 'db').bind(80)
  const web = new TestClient(hypervisor, 'web')
  web.bind(1)
  t.same(web.send(1, 'db', 80, '123456'), { ok: true })
})

void t.test('who was put into a set by hand is in it for every question', async t => {
  const { call } = await withPolicy(t)
  await call('POST', '/v1/sets/guests/elements', { element: 'bob', timeout: '10m' })
  t.match((await call('POST', '/v1/policy/explain', { from: 'bob:1', to: 'db:22' })).body, {
    action: 'accept',
    decidedBy: 'guests',
  })
  t.match((await call('GET', '/v1/policy/who-can?domain=db:22')).body, {
    total: 1,
    reach: [{ from: ['bob'], rule: 'guests' }],
  })
  t.match((await call('GET', '/v1/policy/what-can?domain=bob')).body, {
    reach: [{ to: ['db'], destinationPorts: { min: 22, max: 22 } }],
  })
  t.match((await call('GET', '/v1/policy/graph')).body, { total: 2 })
  for (const domain of ['*', 'tag:', 'A']) {
    const { body } = await call('GET', `/v1/policy/who-can?domain=${domain}`)
    t.match(body, { code: 'EINVAL', message: /^domain: / })
  }
})

void t.test('lint says what is probably not meant', async t => {
  const { call, hypervisor } = await withPolicy(t)
  const findings = async (query = ''): Promise<string[]> => {
    const { body } = await call('GET', `/v1/policy/lint${query}`)
    return (body['findings'] as { code: string; about: string }[]).map(
      ({ code, about }) => `${code} ${about}`,
    )
  }
  t.strictSame(await findings(), ['never-hit app', 'never-hit guests'])
  t.strictSame(await findings('?revision=1'), [])
  t.strictSame(await findings('?revision=1&comments'), ['no-comment app', 'no-comment guests'])
  Object.assign(hypervisor.ruleCounter('app'), { hits: 1, lastHit: Date.now() - 60_000 })
  t.strictSame(await findings('?unused=1m'), ['unused app', 'never-hit guests'])
  t.strictSame(await findings('?unused=1h'), ['never-hit guests'])
  for (const query of ['?unused=1h&revision=1', '?unused=long', '?comments=maybe']) {
    t.match(await call('GET', `/v1/policy/lint${query}`), { status: 400, body: { code: 'EINVAL' } })
  }
})

void t.test('two revisions are told apart by rule and by decision', async t => {
  const { call } = await withPolicy(t)
  await call('DELETE', '/v1/rules/guests')
  t.match((await call('GET', '/v1/policy/diff?from=1&to=2')).body, {
    from: 1,
    to: 2,
    rules: { removed: 1, listed: [{ kind: 'removed', id: 'guests' }] },
    decisions: { listed: [] },
  })
  t.match((await call('GET', '/v1/policy/diff?from=0&to=1')).body, { decisions: { admitted: 1 } })
  t.match((await call('GET', '/v1/policy/diff?from=1&to=9')).body, { code: 'ENOENT' })
  t.match((await call('GET', '/v1/policy/diff?from=9&to=1')).body, { code: 'ENOENT' })
})

void t.test('a domain that came or went is known to the next answer', async t => {
  const { call } = await withPolicy(t)
  const reach = async (): Promise<unknown> =>
    (await call('GET', '/v1/policy/who-can?domain=db:5432')).body['reach']
  t.match(await reach(), [{ from: ['web'] }])
  await call('POST', '/v1/domains', { name: 'web2', tags: ['front'] })
  t.match(await reach(), [{ from: ['web', 'web2'] }])
  await call('PATCH', '/v1/domains/web', { tags: [] })
  t.match(await reach(), [{ from: ['web2'] }])
  await call('DELETE', '/v1/domains/web2')
  t.match(await reach(), [{ from: ['tag:front'] }])
})
