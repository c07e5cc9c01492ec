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
  t.match((await call('GET', '/v1/domains/db')).body, { sessions: 1, rings: 2, ringBytes: 8192 })
  t.equal((await call('GET', '/v1/rings?port=1')).status, 400)
})
