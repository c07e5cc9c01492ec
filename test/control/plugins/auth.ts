import { Readable } from 'node:stream'
import t from 'tap'
import { buildTestApp } from '../fixtures/build-app.js'
import { ADMIN_ROLES, type AdminRole } from '../../../src/store/token-store.js'
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
  let now = Date.now()
  const { call, store } = buildTestApp(t, { clock: { now: () => now } })
  const soon = store.tokens.issueAdmin('root', { expiresAt: now + 1 })
  const revoked = store.tokens.issueAdmin('root')
  if (!soon.ok || !revoked.ok) throw new Error('not issued')
  store.tokens.revoke(revoked.token.id)
  now += 1
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

void t.test('a token that is revoked while the body comes changes nothing', async t => {
  const { app, store } = buildTestApp(t)
  for (const [method, url, body] of [
    ['POST', '/v1/domains', '{"name":"web"}'],
    ['PUT', '/v1/policy', '{"rules":[]}'],
  ] as const) {
    const issued = store.tokens.issueAdmin('root')
    if (!issued.ok) throw new Error(issued.message)
    const parts = function* (): Generator<Buffer> {
      yield Buffer.from(body.slice(0, 5))
      store.tokens.revoke(issued.token.id)
      yield Buffer.from(body.slice(5))
    }
    const answer = await app.inject({
      method,
      url,
      headers: { authorization: `Bearer ${issued.text}`, 'content-type': 'application/json' },
      payload: Readable.from(parts()),
    })
    t.match(answer.json(), { code: 'EKEYREVOKED' }, url)
  }
  t.strictSame(store.domains.list(), [])
  t.equal(store.policies.currentRevision(), 0)
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

/** The least role for each route, as the route says; every one that is no GET has to be here. */
const needed: Readonly<Record<string, AdminRole>> = {
  'POST /v1/domains': 'policy-admin',
  'PATCH /v1/domains/{name}': 'policy-admin',
  'DELETE /v1/domains/{name}': 'policy-admin',
  'POST /v1/domains/{name}/kick': 'operator',
  'POST /v1/domains/{name}/tokens': 'policy-admin',
  'POST /v1/tokens': 'root',
  'DELETE /v1/tokens/{id}': 'policy-admin',
  'POST /v1/tokens/{id}/rotate': 'policy-admin',
  'POST /v1/rules': 'policy-admin',
  'PATCH /v1/rules/{id}': 'policy-admin',
  'DELETE /v1/rules/{id}': 'policy-admin',
  'POST /v1/rules/zero': 'policy-admin',
  'POST /v1/rules/{id}/zero': 'policy-admin',
  'PUT /v1/policy': 'policy-admin',
  'POST /v1/policy/confirm': 'policy-admin',
  'POST /v1/policy/rollback': 'policy-admin',
  'POST /v1/policy/plan': 'viewer',
  'POST /v1/policy/explain': 'viewer',
  'POST /v1/sets/{name}/elements': 'operator',
  'DELETE /v1/sets/{name}/elements/{element}': 'operator',
  'POST /v1/asks/{id}/grant': 'operator',
  'POST /v1/asks/{id}/deny': 'operator',
  'DELETE /v1/grants/{id}': 'operator',
  'PUT /v1/audit-mode': 'policy-admin',
  'GET /v1/state/check': 'root',
  'POST /v1/state/backup': 'root',
}

/** Where it takes more: the token that is tried is an admin's. */
const neededForAdminTokens: Readonly<Record<string, AdminRole>> = {
  'DELETE /v1/tokens/{id}': 'root',
  'POST /v1/tokens/{id}/rotate': 'root',
}

interface Description {
  readonly paths: Readonly<Record<string, Readonly<Record<string, { 'x-v4v-role'?: string }>>>>
}

void t.test('the description says which role each route needs', async t => {
  const { call } = buildTestApp(t)
  const { text } = await call('GET', '/openapi.json')
  const { paths } = JSON.parse(text) as Description
  const described = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(() => !openRoutes.includes(path))
      .map(([method, operation]) => [
        `${method.toUpperCase()} ${path}`,
        operation['x-v4v-role'] ?? 'none',
      ]),
  )
  const expected = guardedRoutes.map(([method, path]) => [
    `${method} ${path}`,
    needed[`${method} ${path}`] ?? (method === 'GET' ? 'viewer' : 'not in the table'),
  ])
  t.strictSame(Object.fromEntries(described), Object.fromEntries(expected))
  const routes = guardedRoutes.map(([method, path]) => `${method} ${path}`)
  t.same(
    Object.keys(needed).filter(route => !routes.includes(route)),
    [],
  )
})

void t.test('each role may do what it may and nothing else, on every route', async t => {
  const { call, store } = buildTestApp(t)
  for (const [index, role] of ADMIN_ROLES.entries()) {
    const issued = store.tokens.issueAdmin(role)
    if (!issued.ok) throw new Error(issued.message)
    for (const [method, path, url] of guardedRoutes) {
      const route = `${method} ${path}`
      const least = neededForAdminTokens[route] ?? needed[route] ?? 'viewer'
      const { status, body } = await call(method, url, undefined, { token: issued.text })
      if (index < ADMIN_ROLES.indexOf(least)) {
        t.match(
          { status, ...body },
          { status: 403, code: 'EPERM', message: /needs the role/ },
          `${role} ${method} ${path}`,
        )
      } else {
        t.not(status, 403, `${role} ${method} ${url}`)
      }
    }
  }
})

void t.test('what a body asks for may need more than the route', async t => {
  const { call, store } = buildTestApp(t)
  const issued = store.tokens.issueAdmin('policy-admin')
  if (!issued.ok) throw new Error(issued.message)
  const token = issued.text
  const root = store.tokens.issueAdmin('root')
  const id = root.ok ? root.token.id : 0
  t.match(await call('DELETE', `/v1/tokens/${id}`, undefined, { token }), { status: 403 })
  t.match(await call('PUT', '/v1/policy?tests=skip', { rules: [] }, { token }), { status: 403 })
  t.match(await call('PUT', '/v1/policy', { rules: [] }, { token }), { status: 200 })
  t.match((await call('GET', '/v1/whoami', undefined, { token })).body, {
    token: { kind: 'admin', role: 'policy-admin' },
  })
  t.match(await call('DELETE', `/v1/tokens/${id}`), { status: 200 })
})

void t.test('a token of an admin is made by root, for a role and a time', async t => {
  const { call } = buildTestApp(t)
  const expiresAt = Date.now() + 60_000
  const made = await call('POST', '/v1/tokens', { role: 'viewer', label: 'dash', expiresAt })
  t.match(made, { status: 201, body: { token: { role: 'viewer', domain: null, expiresAt } } })
  const token = made.body['text'] as string
  t.equal((await call('GET', '/v1/rules', undefined, { token })).status, 200)
  t.equal((await call('POST', '/v1/rules', undefined, { token })).status, 403)
  const { tokens } = (await call('GET', '/v1/tokens')).body as unknown as { tokens: object[] }
  t.match(tokens, [{ role: 'root' }, { role: 'viewer', label: 'dash' }])
  t.equal((await call('POST', '/v1/tokens', { role: 'king' })).status, 400)
})
