import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import t from 'tap'
import { defaultLimits } from '../../../src/abi/limits.js'
import { ControlServer } from '../../../src/control/server.js'
import { buildTestApp, TestClient, type TestApp } from '../fixtures/build-app.js'

type TapTest = Parameters<typeof buildTestApp>[0]

async function withAsks(t: TapTest): Promise<TestApp & { web: TestClient }> {
  const test = buildTestApp(t)
  for (const name of ['web', 'db']) await test.call('POST', '/v1/domains', { name })
  await test.call('POST', '/v1/rules', { action: 'ask', source: 'web:*', destination: 'db:1-9' })
  const web = new TestClient(test.hypervisor, 'web')
  web.bind(80)
  new TestClient(test.hypervisor, 'db').bind(1)
  return { ...test, web }
}

await t.test('a flow that waits is listed, granted for some time, and taken back', async t => {
  const { call, web, store } = await withAsks(t)
  t.match(web.send(80, 'db', 1), { ok: false, code: 'EAGAIN' })
  t.match((await call('GET', '/v1/asks')).body, {
    asks: [{ id: 1, source: 'web:80', destination: 'db:1', type: 'dgram', rule: 'r1' }],
    grants: [],
  })
  const { body } = await call('POST', '/v1/asks/1/grant', { for: '10m', reason: 'she knows him' })
  t.match(body, { grant: { id: 1, source: 'web:80', destination: 'db:1', by: /^token:/ } })
  t.match(web.send(80, 'db', 1), { ok: true })
  t.match((await call('GET', '/v1/asks')).body, { asks: [], grants: [{ id: 1, datagrams: 1 }] })
  t.match((await call('DELETE', '/v1/grants/1')).body, { grant: { id: 1 } })
  t.equal((await call('DELETE', '/v1/grants/1')).status, 404)
  t.match(web.send(80, 'db', 1), { ok: false, code: 'EAGAIN' })
  t.match(
    store.audit.list(2).map(({ action, target, reason }) => [action, target, reason]),
    [
      ['ask.revoke', 'web:80 -> db:1 dgram', ''],
      ['ask.grant', 'web:80 -> db:1 dgram', 'she knows him'],
    ],
  )
})

await t.test('a flow that waits can be denied, once', async t => {
  const { call, web, store } = await withAsks(t)
  web.send(80, 'db', 1)
  t.match((await call('POST', '/v1/asks/1/deny')).body, { ask: { id: 1, source: 'web:80' } })
  t.match(web.send(80, 'db', 1), { ok: false, code: 'EPERM' })
  t.equal((await call('POST', '/v1/asks/1/deny')).status, 404)
  t.equal((await call('POST', '/v1/asks/1/grant', { for: '10m' })).status, 404)
  t.match(store.audit.list(1), [{ action: 'ask.deny' }])
})

await t.test('a grant for any port, and one that is no grant', async t => {
  const { call, web } = await withAsks(t)
  web.send(80, 'db', 1)
  t.match((await call('POST', '/v1/asks/1/grant', { for: 'ever' })).body, { code: 'EINVAL' })
  t.match((await call('POST', '/v1/asks/1/grant', { for: '31d' })).body, { code: 'EINVAL' })
  t.equal((await call('POST', '/v1/asks/1/grant', {})).status, 400)
  const { body } = await call('POST', '/v1/asks/1/grant', { for: '1m', anyPort: true })
  t.match(body, { grant: { source: 'web:*' } })
})

await t.test('grants are bounded, and an operator may give them, a viewer not', async t => {
  const { call, web, hypervisor, store } = await withAsks(t)
  Object.assign(hypervisor.limits, { grantsMax: 1 })
  web.send(80, 'db', 1)
  web.send(80, 'db', 2)
  const tokenOf = (role: 'viewer' | 'operator'): string => {
    const issued = store.tokens.issueAdmin(role)
    if (!issued.ok) throw new Error(issued.message)
    return issued.text
  }
  const token = tokenOf('viewer')
  t.equal((await call('POST', '/v1/asks/1/grant', { for: '1m' }, { token })).status, 403)
  t.equal((await call('GET', '/v1/asks', undefined, { token })).status, 200)
  const operator = { token: tokenOf('operator') }
  t.equal((await call('POST', '/v1/asks/1/grant', { for: '1m' }, operator)).status, 200)
  t.match((await call('POST', '/v1/asks/2/grant', { for: '1m' }, operator)).body, {
    code: 'ENOSPC',
  })
})

await t.test('who follows the asks sees the list, and ends with the server', async t => {
  const test = await withAsks(t)
  const server = await ControlServer.listen(test.app, {
    host: '127.0.0.1',
    port: 0,
    limits: defaultLimits,
  })
  const headers = { authorization: `Bearer ${test.token}` }
  const request = get(`${server.url}/v1/asks?follow`, { headers })
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  const [first] = (await once(response, 'data')) as [Buffer]
  t.match(String(first), /^event: asks\ndata: \{"asks":\[\],"grants":\[\]\}\n\n$/)
  response.resume()
  const ended = once(response, 'end')
  await server.close()
  await ended
})
