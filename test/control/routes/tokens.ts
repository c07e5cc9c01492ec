import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { AdminTokenFile } from '../../../src/control/admin-token-file.js'
import { buildTestApp } from '../fixtures/build-app.js'

void t.test('a token is issued, works, is listed without its secret, and is revoked', async t => {
  const ended: [number, string][] = []
  const hub = {
    sessions: () => [],
    endToken: (id: number, reason: string) => void ended.push([id, reason]),
    expireToken: () => undefined,
  }
  const { call, store } = buildTestApp(t, { hub })
  await call('POST', '/v1/domains', { name: 'web' })
  const expiresAt = Date.now() + 60_000
  const issued = await call('POST', '/v1/domains/web/tokens', { label: 'ci', expiresAt })
  t.equal(issued.status, 201)
  t.match(issued.body, {
    revision: 0,
    token: { id: 2, kind: 'domain', domain: 'web', label: 'ci', expiresAt, revokedAt: null },
  })
  const text = String(issued.body['text'])
  t.match(store.tokens.authenticate(text), { ok: true, domain: { name: 'web' } })
  t.match((await call('POST', '/v1/domains/web/tokens')).body, {
    token: { id: 3, expiresAt: null },
  })

  const listed = await call('GET', '/v1/domains/web/tokens')
  t.match(listed.body, { tokens: [{ id: 2 }, { id: 3 }] })
  t.notMatch(listed.text, text.split('_').slice(2).join('_'))
  t.notMatch((await call('GET', '/v1/audit')).text, text.split('_').slice(2).join('_'))

  t.match((await call('DELETE', '/v1/tokens/2')).body, { revision: 0, token: { id: 2 } })
  t.match(store.tokens.authenticate(text), { ok: false, code: 'EKEYREVOKED' })
  t.strictSame(ended, [[2, 'token-revoked']])
})

void t.test('an admin can revoke the token of another admin, but not the one in use', async t => {
  const { call, store, tokenId } = buildTestApp(t)
  const other = store.tokens.issueAdmin('root')
  if (!other.ok) throw new Error(other.message)
  t.match((await call('DELETE', `/v1/tokens/${other.token.id}`)).body, {
    token: { kind: 'admin', domain: null },
  })
  const own = await call('DELETE', `/v1/tokens/${tokenId}`)
  t.strictSame([own.status, own.body.code], [400, 'EINVAL'])
  t.equal((await call('GET', '/v1/rules')).status, 200)
})

void t.test('a token is rotated: another for the same, and the old one ends', async t => {
  const ended: unknown[][] = []
  const hub = {
    sessions: () => [],
    endToken: (id: number, reason: string) => void ended.push([id, reason]),
    expireToken: (id: number, at: number) => void ended.push([id, at]),
  }
  const { call, store, token, tokenId } = buildTestApp(t, { hub })
  await call('POST', '/v1/domains', { name: 'web' })
  const first = await call('POST', '/v1/domains/web/tokens', { label: 'ci' })
  const second = await call('POST', '/v1/tokens/2/rotate', { reason: 'it leaked' })
  t.match(second, { status: 201, body: { token: { id: 3, domain: 'web', label: 'ci' } } })
  const by = (answer: typeof first): object =>
    store.tokens.authenticate(String(answer.body['text']))
  t.match(by(first), { ok: false, code: 'EKEYREVOKED' })
  t.match(by(second), { ok: true, tokenId: 3 })
  const third = await call('POST', '/v1/tokens/3/rotate', { overlap: '1h' })
  t.match([by(second), by(third)], [{ ok: true }, { ok: true, expiresAt: undefined }])
  const endsAt = store.tokens.get(3)?.expiresAt
  t.ok(endsAt! > Date.now())
  t.strictSame(ended, [
    [2, 'token-revoked'],
    [3, endsAt],
  ])
  const [last, before] = store.audit.list(2)
  t.match(last, { action: 'token.rotate', target: '3', detail: { domain: 'web', to: 4, endsAt } })
  t.match(before, { target: '2', reason: 'it leaked', detail: { to: 3 } })

  const own = `/v1/tokens/${tokenId}/rotate`
  t.match(await call('POST', own), { status: 400, body: { message: /give an overlap/ } })
  const root = await call('POST', own, { overlap: '10m' })
  t.match(root, { status: 201, body: { token: { role: 'root', id: 5 }, old: { id: tokenId } } })
  for (const text of [token, String(root.body['text'])]) {
    t.equal((await call('GET', '/v1/rules', undefined, { token: text })).status, 200)
  }
  for (const [id, body, status] of [
    [2, {}, 400],
    [99, {}, 404],
    [4, { overlap: 'soon' }, 400],
    [4, { overlap: '999999999d' }, 400],
  ] as const) {
    t.equal((await call('POST', `/v1/tokens/${id}/rotate`, body)).status, status)
  }
  t.match(by(third), { ok: true })
})

void t.test('a token that is rotated may end at another time than the old one', async t => {
  const { call } = buildTestApp(t)
  await call('POST', '/v1/domains', { name: 'web' })
  const [soon, later] = [Date.now() + 600_000, Date.now() + 900_000]
  await call('POST', '/v1/domains/web/tokens', { expiresAt: soon })
  const rotate = (id: number, body: object): ReturnType<typeof call> =>
    call('POST', `/v1/tokens/${id}/rotate`, body)
  t.match((await rotate(2, {})).body, { token: { id: 3, expiresAt: soon }, isInFile: false })
  t.match((await rotate(3, { expiresAt: later, overlap: '1m' })).body, {
    token: { id: 4, expiresAt: later },
    old: { id: 3, revokedAt: null },
  })
  for (const expiresAt of [1, 'never']) {
    t.match(await rotate(4, { expiresAt }), { status: 400, body: { code: 'EINVAL' } })
  }
  t.match((await rotate(4, { expiresAt: later + 1 })).body, { token: { id: 5 } })
})

void t.test('the token in the file of the state folder is replaced there', async t => {
  const path = join(t.testdir(), 'admin.token')
  const adminTokenFile = new AdminTokenFile(path)
  const { call, token, tokenId, logged, store } = buildTestApp(t, { adminTokenFile })
  const rotate = (id: number): ReturnType<typeof call> =>
    call('POST', `/v1/tokens/${id}/rotate`, { overlap: '1h' })
  await adminTokenFile.replace(token)
  const first = await rotate(tokenId)
  t.match(first.body, { isInFile: true, token: { kind: 'admin', role: 'root' } })
  t.equal(readFileSync(path, 'utf8'), `${String(first.body['text'])}\n`)
  t.match((await rotate(tokenId)).body, { isInFile: false }, 'this one is not in it any more')
  t.equal(readFileSync(path, 'utf8'), `${String(first.body['text'])}\n`)

  mkdirSync(`${path}.new`)
  writeFileSync(join(`${path}.new`, 'x'), '')
  const last = await rotate(adminTokenFile.tokenId()!)
  t.match([last.status, last.body], [201, { isInFile: false }])
  t.match(store.tokens.authenticateAdmin(String(last.body['text'])), { ok: true })
  t.match(logged, [{ message: /could not be put into its file/ }])
})

void t.test('the tokens of all that end soon are had by one request', async t => {
  const { call } = buildTestApp(t)
  for (const name of ['web', 'db']) await call('POST', '/v1/domains', { name })
  const expiresAt = Date.now() + 3_600_000
  await call('POST', '/v1/domains/web/tokens', { expiresAt: expiresAt + 1 })
  await call('POST', '/v1/domains/db/tokens', { expiresAt })
  await call('POST', '/v1/tokens', { role: 'viewer', expiresAt: expiresAt + 2 })
  const listed = await call('GET', '/v1/tokens?ending=2h')
  t.match(listed.body, {
    tokens: [{ domain: 'db', role: null, expiresAt }, { domain: 'web' }, { role: 'viewer' }],
  })
  t.same((await call('GET', '/v1/tokens?ending=30m')).body, { tokens: [] })
  for (const query of ['ending=soon', 'ending=', 'ended=1h']) {
    t.equal((await call('GET', `/v1/tokens?${query}`)).status, 400, query)
  }
})

void t.test('what can not be is refused', async t => {
  const { call, store } = buildTestApp(t)
  await call('POST', '/v1/domains', { name: 'web' })
  for (const [method, url, body, status, code] of [
    ['POST', '/v1/domains/db/tokens', {}, 404, 'ENOENT'],
    ['GET', '/v1/domains/db/tokens', undefined, 404, 'ENOENT'],
    ['POST', '/v1/domains/web/tokens', { expiresAt: 1 }, 400, 'EINVAL'],
    ['POST', '/v1/domains/web/tokens', { expiresAt: '2030' }, 400, 'EINVAL'],
    ['POST', '/v1/domains/web/tokens', { label: 'x'.repeat(201) }, 400, 'EINVAL'],
    ['POST', '/v1/domains/web/tokens', { secret: 'mine' }, 400, 'EINVAL'],
    ['POST', '/v1/domains/web/tokens', [], 400, 'EINVAL'],
    ['DELETE', '/v1/tokens/99', undefined, 404, 'ENOENT'],
    ['DELETE', '/v1/tokens/abc', undefined, 400, 'EINVAL'],
    ['DELETE', '/v1/tokens/0', undefined, 400, 'EINVAL'],
  ] as const) {
    const answer = await call(method, url, body)
    t.strictSame([answer.status, answer.body.code], [status, code], `${method} ${url}`)
  }
  t.equal(store.audit.list(10).length, 1)
})
