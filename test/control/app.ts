import { rmSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { buildTestApp } from './fixtures/build-app.js'

void t.test('every answer says that it is not to be stored or guessed at', async t => {
  const { call } = buildTestApp(t)
  for (const url of ['/livez', '/v1/stats', '/no/such/page']) {
    const { headers } = await call('GET', url)
    t.match(headers, { 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' }, url)
  }
})

void t.test('a JSON type without a body is no error where no body is wanted', async t => {
  const { call } = buildTestApp(t)
  await call('POST', '/v1/domains', { name: 'web' })
  const answer = await call('POST', '/v1/domains/web/kick', undefined, {
    headers: { 'content-type': 'application/json' },
  })
  t.equal(answer.status, 200)
})

void t.test('a request for another name or from another site is refused', async t => {
  const { call } = buildTestApp(t)
  for (const headers of [{ host: 'evil.example' }, { origin: 'http://evil.example' }]) {
    const answer = await call('GET', '/livez', undefined, { headers })
    t.equal(answer.status, 403)
    t.equal(answer.body.code, 'EPERM')
  }
})

void t.test('a change that the disk does not take is not told as made', async t => {
  const path = join(t.testdir(), 'v4vd.sqlite')
  const { call } = buildTestApp(t, { path })
  t.equal((await call('POST', '/v1/domains', { name: 'web' })).status, 201)
  rmSync(`${path}-wal`)
  const { status, body } = await call('POST', '/v1/domains', { name: 'db' })
  t.ok(status >= 500, `${status}`)
  t.equal(body.code, 'EIO')
  t.equal((await call('GET', '/v1/domains')).status, 200, 'what only looks goes on')
})
