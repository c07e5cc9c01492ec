import t from 'tap'
import { buildTestApp } from '../fixtures/build-app.js'

void t.test('what is not there is answered in the one shape', async t => {
  const { call } = buildTestApp(t)
  for (const [method, url] of [
    ['GET', '/nothing'],
    ['GET', '/v1/nothing?x=1'],
    ['GET', '/v1/attach'],
    ['DELETE', '/v1/domains/web/tokens/1'],
  ] as const) {
    const { status, body } = await call(method, url)
    t.strictSame([status, body.code], [404, 'ENOENT'], url)
    t.match(body.message, url.split('?')[0])
  }
})

void t.test('a method that a path does not take is refused with those that it does', async t => {
  const { app, call } = buildTestApp(t)
  t.match(await call('DELETE', '/v1/policy?x=1'), {
    status: 405,
    headers: { allow: 'GET, HEAD, PUT' },
    body: { code: 'EINVAL', message: '"/v1/policy" takes GET, HEAD, PUT, not DELETE' },
  })
  t.match(await call('PUT', '/v1/domains/web'), {
    status: 405,
    headers: { allow: 'GET, HEAD, PATCH, DELETE' },
  })
  t.match(await call('POST', '/console/views/flows.js'), {
    status: 405,
    headers: { allow: 'GET, HEAD' },
  })
  const options = await app.inject({ method: 'OPTIONS', url: '/v1/domains' })
  t.match(options, { statusCode: 204, body: '', headers: { allow: 'GET, HEAD, POST' } })
})

void t.test('HEAD is answered as GET is, without the body, and asks for the same role', async t => {
  const { app, store, token } = buildTestApp(t)
  const viewer = store.tokens.issueAdmin('viewer')
  const head = (url: string, text = token): Promise<{ statusCode: number; body: string }> =>
    app.inject({ method: 'HEAD', url, headers: { authorization: `Bearer ${text}` } })
  for (const url of ['/livez', '/v1/rules', '/v1/whoami', '/console']) {
    t.match(await head(url), { statusCode: 200, body: '' }, url)
  }
  t.match(await head('/v1/rules', 'x'), { statusCode: 401, body: '' })
  t.match(await head('/v1/state/check', viewer.ok ? viewer.text : ''), { statusCode: 403 })
  for (const url of ['/v1/flows?follow', '/v1/asks?follow', '/v1/disconnects?follow']) {
    t.match(await head(url), { statusCode: 405, headers: { allow: 'GET' } }, url)
  }
})
