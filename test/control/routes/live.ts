import t from 'tap'
import { buildTestApp, TestClient } from '../fixtures/build-app.js'

void t.test('rings, sessions and counts are those of the hypervisor', async t => {
  const connectedAt = 1_800_000_000_000
  const hub = {
    sessions: () => [{ id: 1, transport: 'unix', agent: 'test', connectedAt }],
    endToken: () => undefined,
    expireToken: () => undefined,
  }
  const { call, hypervisor } = buildTestApp(t, { hub })
  for (const name of ['web', 'db']) await call('POST', '/v1/domains', { name })
  await call('POST', '/v1/rules', { action: 'accept', source: 'web:*', destination: '*:*' })
  const web = new TestClient(hypervisor, 'web')
  web.bind(80)
  const db = new TestClient(hypervisor, 'db')
  db.bind(9)
  db.bind(5432, hypervisor.domainNamed('web')?.id)
  t.match(web.send(80, 'db', 5432), { ok: true })

  const ring = {
    domain: 'db',
    domainId: 2,
    port: 5432,
    partner: 'web',
    length: 4096,
    usedBytes: 32,
  }
  t.match((await call('GET', '/v1/rings')).body, {
    rings: [{ domain: 'web', port: 80, partner: '*' }, { port: 9 }, { ...ring, senders: 1 }],
  })
  t.equal((await call('GET', '/v1/rings?domain=db')).body.rings?.length, 2)
  t.match((await call('GET', '/v1/sessions')).body, {
    sessions: [
      { id: 1, domain: 'web', transport: 'unix', agent: 'test', connectedAt, ports: [80] },
      { id: 2, domain: 'db', transport: null, agent: null, connectedAt: null, ports: [9, 5432] },
    ],
  })
  t.match((await call('GET', '/v1/sessions?domain=nobody')).body, { sessions: [] })
  t.match((await call('GET', '/v1/stats')).body, {
    revision: 1,
    rules: 1,
    sessions: 2,
    rings: 3,
    ringBytes: 3 * 4096,
    ringBytesUsed: 32,
    verdicts: { accept: { datagrams: 1, bytes: 5 } },
    totals: { datagramsSent: 1, datagramsReceived: 1, bytesSent: 5 },
    domains: [
      { name: 'web', counters: { datagramsSent: 1 } },
      { name: 'db', sessions: 1 },
    ],
  })
  t.match((await call('GET', '/v1/domains/db')).body, {
    sessions: 1,
    rings: 2,
    ringBytes: 8192,
    ringBytesUsed: 32,
    ringDetails: [{ port: 9, usedBytes: 0 }, ring],
    sessionDetails: [{ id: 2, ports: [9, 5432] }],
  })
  t.equal((await call('GET', '/v1/rings?port=1')).status, 400)
})

void t.test('what was not delivered is told by reason, of either side', async t => {
  const { call, hypervisor } = buildTestApp(t)
  for (const name of ['web', 'db']) await call('POST', '/v1/domains', { name })
  const rules = [
    { action: 'drop', source: '*:*', destination: '*:2' },
    { action: 'accept', source: 'web:*', destination: '*:*', maxBytes: 4000 },
  ]
  for (const rule of rules) await call('POST', '/v1/rules', rule)
  const [web, db] = [new TestClient(hypervisor, 'web'), new TestClient(hypervisor, 'db')]
  web.bind(80)
  db.bind(1)
  t.match((await call('GET', '/v1/domains/web')).body, { undelivered: { from: {}, to: {} } })
  for (const [to, port, text] of [
    ['db', 2, 'dropped'],
    ['db', 3, 'nobody there'],
    ['db', 1, 'x'.repeat(4001)],
    ['db', 1, 'x'.repeat(4000)],
    ['db', 1, 'x'.repeat(100)],
    ['nobody', 1, ''],
  ] as const) {
    web.send(80, to, port, text)
  }
  db.send(1, 'web', 80, 'rejected')

  const fromWeb = { drop: 1, ECONNREFUSED: 1, EMSGSIZE: 1, EAGAIN: 1 }
  const [asWeb, asDb] = [
    (await call('GET', '/v1/domains/web')).body,
    (await call('GET', '/v1/domains/db')).body,
  ]
  t.strictSame(asWeb['undelivered'], { from: { ...fromWeb, ESRCH: 1 }, to: { EPERM: 1 } })
  t.strictSame(asDb['undelivered'], { from: { EPERM: 1 }, to: fromWeb })
  t.match((await call('GET', '/v1/domains')).body, {
    domains: [{ name: 'db', undelivered: asDb['undelivered'] }, { name: 'web' }],
  })
  const stats = (await call('GET', '/v1/stats')).body
  t.strictSame(stats['undelivered'], { ...fromWeb, ESRCH: 1, EPERM: 1 })
  t.equal(stats['waiters'], 1)
})

void t.test('what is busy can be asked for alone', async t => {
  const { call, hypervisor } = buildTestApp(t)
  for (const name of ['web', 'db', 'idle']) await call('POST', '/v1/domains', { name })
  for (const id of ['never', 'some', 'other']) {
    const destination = `db:${id === 'some' ? 1 : id === 'other' ? 2 : 9}`
    await call('POST', '/v1/rules', { id, action: 'accept', source: 'web:*', destination })
  }
  const web = new TestClient(hypervisor, 'web')
  web.bind(80)
  const db = new TestClient(hypervisor, 'db')
  for (const port of [1, 2, 3]) db.bind(port)
  const before = Number((await call('GET', '/v1/stats')).body['at'])
  web.send(80, 'db', 2, 'x'.repeat(500))
  web.send(80, 'db', 1, 'x')

  const ports = async (query: string): Promise<unknown[]> =>
    ((await call('GET', `/v1/rings?${query}`)).body.rings as { port: number }[]).map(r => r.port)
  t.strictSame(await ports('fullest=2'), [2, 1])
  t.strictSame(await ports('domain=web&fullest=9'), [80])
  const named = async (query: string): Promise<unknown[]> =>
    ((await call('GET', `/v1/stats${query}`)).body['domains'] as { name: string }[]).map(
      d => d.name,
    )
  t.strictSame(await named(''), ['web', 'db', 'idle'])
  t.strictSame(await named(`?seenSince=${before}`), ['web', 'db'])
  const later = Date.now() + 60_000
  hypervisor.endSession(db.session)
  t.strictSame(await named(`?seenSince=${before}`), ['web', 'db'], 'also when it is gone again')
  t.strictSame(await named(`?seenSince=${later}`), ['web'], 'who is attached is seen now')
  const ids = async (query: string): Promise<unknown[]> =>
    ((await call('GET', `/v1/rules?${query}`)).body.rules as { id: string }[]).map(r => r.id)
  t.strictSame(await ids(`hitSince=${before}`), ['some', 'other'])
  t.strictSame(await ids(`hitSince=${before}&from=3`), ['other'])
  t.strictSame(await ids(`hitSince=${before}&limit=1`), ['some'])
  t.strictSame(await ids(`hitSince=${Date.now() + 60_000}`), [])
  t.match((await call('GET', `/v1/rules?hitSince=${before}`)).body, { total: 3 })
  for (const query of ['rings?fullest=0', 'stats?seenSince=now', 'rules?hitSince=now']) {
    t.equal((await call('GET', `/v1/${query}`)).status, 400, query)
  }
})
