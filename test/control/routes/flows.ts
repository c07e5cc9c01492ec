import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import t from 'tap'
import { defaultLimits } from '../../../src/abi/limits.js'
import { FLOW_VIEWERS_MAX } from '../../../src/control/flow-log.js'
import { ControlServer } from '../../../src/control/server.js'
import { buildTestApp, TestClient, type TestApp } from '../fixtures/build-app.js'

type TapTest = Parameters<typeof buildTestApp>[0]

async function withTraffic(t: TapTest, flowRecords = 64): Promise<TestApp & { web: TestClient }> {
  const test = buildTestApp(t, { flowRecords })
  for (const name of ['web', 'db']) await test.call('POST', '/v1/domains', { name })
  await test.call('POST', '/v1/rules', { action: 'accept', source: 'web:*', destination: 'db:1-9' })
  const web = new TestClient(test.hypervisor, 'web')
  web.bind(80)
  new TestClient(test.hypervisor, 'db').bind(1)
  return { ...test, web }
}

void t.test('recent flows are listed with the rule and the reason', async t => {
  const { call, web } = await withTraffic(t)
  web.send(80, 'db', 1)
  web.send(80, 'db', 99)
  const absent = web.send(80, 'db', 2)
  const { body } = await call('GET', '/v1/flows?format=json')
  t.match(body, {
    flows: [
      { seq: 1, verdict: 'accept', rule: 'r1', code: null, source: 'web:80', destination: 'db:1' },
      { seq: 2, verdict: 'reject', rule: null, position: 0, code: 'EPERM', type: 'dgram' },
      { seq: 3, verdict: 'error', code: 'ECONNREFUSED', reason: /rule r1 .*; but nobody listens/ },
    ],
  })
  t.match((await call('GET', '/v1/flows?format=json&verdict=reject')).body, { flows: [{ seq: 2 }] })
  t.match((await call('GET', '/v1/flows?format=json&limit=1')).body, { flows: [{ seq: 3 }] })
  t.match((await call('GET', '/v1/flows?format=json&limit=0')).body, { flows: [] })

  const id = absent.ok ? 0 : absent.decisionId
  t.match((await call('GET', `/v1/decisions/d-${id.toString(16)}`)).body, { seq: 3, revision: 1 })
  t.equal((await call('GET', '/v1/decisions/d-ffff')).status, 404)
  t.equal((await call('GET', '/v1/decisions/17')).status, 400)
  t.equal((await call('GET', '/v1/flows?verdict=allow')).status, 400)
})

void t.test('without follow the recent ones come as events and the stream ends', async t => {
  const { call, web } = await withTraffic(t)
  web.send(80, 'db', 1)
  web.send(80, 'db', 99)
  const { text, headers } = await call('GET', '/v1/flows?verdict=reject')
  t.match(headers['content-type'], /^text\/event-stream/)
  t.match(text, /^event: flow\nid: 2\ndata: \{"seq":2.*\}\n\n$/)
  t.equal((await call('GET', '/v1/flows?limit=0')).text, '')
})

async function listening(test: TestApp): Promise<string> {
  const limits = defaultLimits
  return (await ControlServer.listen(test.app, { host: '127.0.0.1', port: 0, limits })).url
}

async function follow(url: string, token: string, query = ''): Promise<IncomingMessage> {
  const headers = { authorization: `Bearer ${token}` }
  const request = get(`${url}/v1/flows?follow${query}`, { headers })
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  return response.setEncoding('utf8')
}

async function readUntil(response: IncomingMessage, pattern: RegExp): Promise<string> {
  let text = ''
  for await (const chunk of response.iterator({ destroyOnReturn: false })) {
    text += String(chunk)
    if (pattern.test(text)) break
  }
  return text
}

void t.test('with follow, flows are seen as they happen, and only those asked for', async t => {
  const test = await withTraffic(t)
  const url = await listening(test)
  const response = await follow(url, test.token, '&verdict=reject')
  await readUntil(response, /follows/)
  t.match((await test.call('GET', '/metrics')).text, /v4v_flow_viewers 1\n/)
  test.web.send(80, 'db', 1)
  test.web.send(80, 'db', 77)
  const text = await readUntil(response, /db:77.*\n\n/)
  t.match(text, /id: 2\n/)
  t.notMatch(text, /id: 1\n/)
  response.destroy()
  while (test.flowLog.viewers > 0) await new Promise(setImmediate)
  t.pass('a viewer that goes is forgotten')
})

void t.test('a viewer that is too slow hears how many it has missed', async t => {
  const test = await withTraffic(t, 8)
  const url = await listening(test)
  const response = await follow(url, test.token)
  await readUntil(response, /follows/)
  for (let port = 100; port < 120; port++) test.web.send(80, 'db', port)
  const text = await readUntil(response, /db:119.*\n\n/)
  t.match(text, /^event: lost\ndata: lost=12\n\nevent: flow\nid: 13\n/)
  response.destroy()
})

void t.test('one that does not read holds no more than its socket takes', async t => {
  const test = await withTraffic(t, 8)
  const url = await listening(test)
  const response = await follow(url, test.token)
  response.pause()
  for (let i = 0; i < 400; i++) {
    for (let port = 0; port < 50; port++) test.web.send(80, 'db', 100 + port)
    await new Promise(setImmediate)
  }
  const total = test.flowLog.nextSeq - 1
  let text = ''
  let shown = 0
  let lost = 0
  response.resume()
  const isWhole = (): boolean => {
    shown = text.match(/^event: flow$/gm)?.length ?? 0
    lost = [...text.matchAll(/^data: lost=(\d+)$/gm)].reduce((sum, [, n]) => sum + Number(n), 0)
    return shown + lost >= total
  }
  for await (const chunk of response) {
    text += String(chunk)
    if (isWhole()) break
  }
  t.equal(shown + lost, total, 'each record is shown or counted as lost')
  t.ok(lost > 0)
})

void t.test('following ends with the token, with the daemon, and has its limit', async t => {
  const test = await withTraffic(t)
  const other = test.store.tokens.issueAdmin('root')
  if (!other.ok) throw new Error(other.message)
  const url = await listening(test)
  const response = await follow(url, other.text)
  test.store.tokens.revoke(other.token.id)
  await readUntil(response, /$^/)
  t.ok(response.complete, 'ended after its token was revoked')

  const viewers: IncomingMessage[] = []
  while (viewers.length < FLOW_VIEWERS_MAX) viewers.push(await follow(url, test.token))
  const refused = await follow(url, test.token)
  t.equal(refused.statusCode, 507)
  refused.resume()
  const ends = viewers.map(viewer => readUntil(viewer, /$^/))
  await test.app.close()
  await Promise.all(ends)
  t.equal(test.flowLog.viewers, 0)
})
