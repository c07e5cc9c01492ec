import t from 'tap'
import { defaultLimits } from '../../../src/abi/limits.js'
import { DISCONNECT_VIEWERS_MAX, DisconnectLog } from '../../../src/control/disconnect-log.js'
import type { EndReason } from '../../../src/abi/end-reason.js'
import { buildTestApp } from '../fixtures/build-app.js'

function end(log: DisconnectLog, reason: EndReason, domain?: { name: string; id: number }): void {
  const counts = { livedMs: 5, datagramsSent: 1, datagramsReceived: 2, bytesReceived: 64 }
  log.add({ reason, detail: 'so it was', transport: 'unix', remote: {}, domain, ...counts })
}

await t.test('they are listed, by domain, by reason, by side', async t => {
  const disconnects = new DisconnectLog(defaultLimits, { now: () => 1_800_000_000_000 })
  const { call } = buildTestApp(t, { disconnects })
  await call('POST', '/v1/domains', { name: 'web' })
  end(disconnects, 'left', { name: 'web', id: 1 })
  end(disconnects, 'slow-reader', { name: 'web', id: 1 })
  for (let i = 0; i < 3; i++) end(disconnects, 'token-unknown')
  const reasons = async (query: string): Promise<string[]> => {
    const { status, text } = await call('GET', `/v1/disconnects${query}`)
    t.equal(status, 200, text)
    const { disconnects: found } = JSON.parse(text) as {
      disconnects: { reason: string; count: number }[]
    }
    return found.map(({ reason, count }) => `${reason} ${count}`)
  }
  t.same(await reasons(''), ['left 1', 'slow-reader 1', 'token-unknown 3'])
  t.same(await reasons('?limit=1'), ['token-unknown 3'])
  t.same(await reasons('?domain=web'), ['left 1', 'slow-reader 1'])
  t.same(await reasons('?by=client'), ['left 1'])
  t.same(await reasons('?reason=slow-reader'), ['slow-reader 1'])
  t.equal((await call('GET', '/v1/disconnects?reason=because')).status, 400)
  t.match(JSON.parse((await call('GET', '/v1/domains/web')).text), {
    lastDisconnect: { reason: 'slow-reader', by: 'daemon', detail: 'so it was' },
  })
  const { text } = await call('GET', '/metrics')
  t.match(text, /^v4v_disconnects_total\{reason="token-unknown"\} 3$/m)
  t.match(text, /^v4v_disconnects_total\{reason="kicked"\} 0$/m, 'also what has not been')
})

await t.test('a domain none of whose sessions ended has no last one', async t => {
  const { call } = buildTestApp(t)
  await call('POST', '/v1/domains', { name: 'web' })
  t.notOk('lastDisconnect' in (JSON.parse((await call('GET', '/v1/domains/web')).text) as object))
})

await t.test('with follow they come as events until the daemon stops', async t => {
  const disconnects = new DisconnectLog(defaultLimits, { now: () => 0 })
  const { app, token } = buildTestApp(t, { disconnects })
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  end(disconnects, 'hello-late')
  end(disconnects, 'kicked', { name: 'web', id: 1 })
  const response = await fetch(`${url}/v1/disconnects?follow&limit=1`, {
    headers: { authorization: `Bearer ${token}` },
  })
  t.equal(response.headers.get('content-type'), 'text/event-stream')
  let text = ''
  let closing: Promise<unknown> | undefined
  for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
    text += chunk
    if (text.includes('"kicked"') && disconnects.lastSeq === 2) {
      end(disconnects, 'left', { name: 'web', id: 1 })
    }
    if (text.includes('"left"')) closing ??= app.close()
  }
  await closing
  t.match(text, /^event: disconnect\nid: 2\ndata: \{.*"reason":"kicked"/m)
  t.match(text, /^event: disconnect\nid: 3\ndata: \{.*"reason":"left"/m)
  t.notMatch(text, 'hello-late')
})

await t.test('there is a limit to viewers', async t => {
  const disconnects = new DisconnectLog(defaultLimits, { now: () => 0 })
  const { call } = buildTestApp(t, { disconnects })
  for (let i = 0; i < DISCONNECT_VIEWERS_MAX; i++) disconnects.watch(() => undefined)
  t.match(await call('GET', '/v1/disconnects?follow'), {
    status: 507,
    body: { code: 'ENOSPC', message: /64 viewers/ },
  })
})
