import t from 'tap'
import { buildTestApp } from '../fixtures/build-app.js'
import { guardedRoutes, openRoutes } from '../fixtures/routes.js'

void t.test('every route under /v1 refuses whoever has no valid admin token', async t => {
  const { call, store, token } = buildTestApp(t)
  store.domains.add('web')
  const domainToken = store.tokens.issue('web')
  const domainText = domainToken.ok ? domainToken.text : ''
  const wrong = `${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`
  for (const [method, , url] of guardedRoutes) {
    for (const text of [null, '', 'x', wrong, domainText, `${token} ${token}`]) {
      const { status, body, headers } = await call(method, url, undefined, { token: text })
      t.equal(status, 401, `${method} ${url}`)
      t.equal(body.code, 'EACCES')
      t.type(body.message, 'string')
      t.match(headers['www-authenticate'], /^Bearer/)
    }
  }
  t.equal(store.audit.list(10).length, 0, 'nothing was done')
})

void t.test('a token that was revoked or has expired is told so', async t => {
  const { call, store } = buildTestApp(t)
  const soon = store.tokens.issueAdmin('root', { expiresAt: Date.now() + 1 })
  const revoked = store.tokens.issueAdmin('root')
  if (!soon.ok || !revoked.ok) throw new Error('not issued')
  store.tokens.revoke(revoked.token.id)
  while (Date.now() < (soon.token.expiresAt ?? 0)) await new Promise(setImmediate)
  for (const [text, code] of [
    [soon.text, 'EKEYEXPIRED'],
    [revoked.text, 'EKEYREVOKED'],
  ] as const) {
    const { status, body } = await call('GET', '/v1/rules', undefined, { token: text })
    t.strictSame([status, body.code], [401, code])
  }
})

void t.test('the scheme is written as one likes, and the use of the token is noted', async t => {
  const { call, store, token, tokenId } = buildTestApp(t)
  const headers = { authorization: `bearer  ${token}` }
  for (let i = 0; i < 2; i++) {
    t.equal((await call('GET', '/v1/rules', undefined, { token: null, headers })).status, 200)
  }
  t.type(store.tokens.get(tokenId)?.lastUsedAt, 'number')
})

void t.test('health and metrics need no token', async t => {
  const { call } = buildTestApp(t)
  for (const url of openRoutes) {
    t.equal((await call('GET', url, undefined, { token: null })).status, 200, url)
  }
})

void t.test('a reason comes from the body or the header, is one line, and is audited', async t => {
  const { call, store } = buildTestApp(t)
  const header = Buffer.from('Gäste dürfen').toString('latin1')
  await call('POST', '/v1/domains', { name: 'a' }, { headers: { 'x-v4v-reason': header } })
  await call(
    'POST',
    '/v1/domains',
    { name: 'b', reason: 'body' },
    { headers: { 'x-v4v-reason': 'h' } },
  )
  await call('POST', '/v1/domains', { name: 'c' }, { headers: { 'x-v4v-reason': 'caf\u00e9' } })
  await call('POST', '/v1/domains', { name: 'd' })
  const reasons = store.audit.list(10).map(record => record.reason)
  t.strictSame(reasons.toReversed(), ['Gäste dürfen', 'body', 'caf\u00e9', ''])
  const { status, body } = await call('POST', '/v1/domains', { name: 'e', reason: 'a\nb' })
  t.strictSame([status, body.code], [400, 'EINVAL'])
  t.equal(store.domains.get('e'), undefined)
})
