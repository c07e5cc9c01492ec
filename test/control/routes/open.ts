import t from 'tap'
import { buildTestApp, TestClient } from '../fixtures/build-app.js'
import { revisionOf } from '../../store/fixtures/rules.js'
import { guardedRoutes, openRoutes } from '../fixtures/routes.js'

interface Document {
  readonly openapi: string
  readonly info: { readonly title: string; readonly version: string; readonly description: string }
  readonly paths: Record<string, Record<string, { responses: object; security: unknown[] }>>
  readonly components: { readonly schemas: object }
}

void t.test('health says what was looked at', async t => {
  const { call, store } = buildTestApp(t)
  t.strictSame((await call('GET', '/livez')).body, { status: 'ok' })
  t.strictSame((await call('GET', '/readyz')).body, { status: 'ok' })
  t.match((await call('GET', '/readyz?verbose')).body, {
    status: 'ok',
    checks: [
      { name: 'store', ok: true },
      { name: 'policy', ok: true },
    ],
  })
  t.equal((await call('GET', '/readyz?verbose=no')).status, 400)
  store.policies.append(revisionOf('behind', 'the', 'back'))
  const apart = await call('GET', '/readyz?verbose=1')
  t.equal(apart.status, 503)
  t.match(apart.body, { status: 'degraded', checks: [{}, { name: 'policy', ok: false }] })
  store.close()
  t.match((await call('GET', '/readyz?verbose')).body, { checks: [{ name: 'store', ok: false }] })
})

void t.test('metrics are what Prometheus reads', async t => {
  const { call, hypervisor } = buildTestApp(t)
  for (const name of ['web', 'db']) await call('POST', '/v1/domains', { name })
  await call('POST', '/v1/rules', { action: 'accept', source: 'web:*', destination: 'db:1' })
  const web = new TestClient(hypervisor, 'web')
  web.bind(80)
  new TestClient(hypervisor, 'db').bind(1)
  web.send(80, 'db', 1)
  web.send(80, 'db', 2)
  for (let i = 0; i < 2; i++) {
    const { text, headers } = await call('GET', '/metrics', undefined, { token: null })
    t.match(headers['content-type'], /^text\/plain/)
    for (const line of [
      'v4v_datagrams_total{verdict="accept"} 1',
      'v4v_datagrams_total{verdict="reject"} 1',
      'v4v_bytes_total{verdict="accept"} 5',
      'v4v_rule_hits_total{rule="r1"} 1',
      'v4v_rule_hits_total{rule="default"} 1',
      'v4v_sessions 2',
      'v4v_rings 2',
      'v4v_ring_bytes 8192',
      'v4v_policy_revision 1',
    ]) {
      t.ok(text.includes(`\n${line}\n`), line)
    }
    t.match(text, /v4v_event_loop_delay_seconds\{quantile="0.99"\} [0-9]/)
  }
})

void t.test('rules behind the thousandth are counted together', async t => {
  const { call } = buildTestApp(t)
  const rule = { action: 'accept', source: 'web:*', destination: 'db:1' }
  await call('PUT', '/v1/policy', { rules: Array.from({ length: 1002 }, () => rule) })
  const { text } = await call('GET', '/metrics')
  t.equal(text.match(/^v4v_rule_hits_total\{/gm)?.length, 1002, 'a thousand, default, other')
  t.match(text, 'v4v_rule_hits_total{rule="other"} 0')
})

void t.test('the description lists every route, and which of them need a token', async t => {
  const { call, app } = buildTestApp(t)
  const { body, text } = await call('GET', '/openapi.json', undefined, { token: null })
  const document = body as unknown as Document
  t.match(document.openapi, /^3\.1/)
  t.match(document.info, { title: 'v4vd', version: /^\d/, description: /\/v1\/attach/ })
  const listed = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => {
      t.ok(Object.keys(operation.responses).length > 0)
      t.equal(operation.security.length, path.startsWith('/v1/') ? 1 : 0, path)
      return `${method.toUpperCase()} ${path}`
    }),
  )
  const expected = [
    ...guardedRoutes.map(([method, path]) => `${method} ${path}`),
    ...openRoutes.map(path => `GET ${path}`),
  ]
  t.strictSame(listed.toSorted(), expected.toSorted())
  const registered = app
    .printRoutes({ commonPrefix: false })
    .match(/\((?:GET|POST|PUT|PATCH|DELETE)[^)]*\)/g)
  const methods = registered
    ?.flatMap(each => each.slice(1, -1).split(', '))
    .filter(method => method !== 'HEAD')
  t.equal(
    methods?.length,
    expected.length + 5,
    'beside these only /, /console, /docs and /openapi.json',
  )
  const referred = new Set(
    [...text.matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => name!),
  )
  t.equal(text.match(/"\$ref"/g)?.length, text.match(/"\$ref":"#\//g)?.length, 'none outside')
  t.strictSame([...referred].toSorted(), Object.keys(document.components.schemas).toSorted())
})

void t.test(
  'the page to read loads nothing and runs nothing, and a browser is led to the console',
  async t => {
    const { call } = buildTestApp(t)
    const { text, headers: told } = await call('GET', '/docs', undefined, { token: null })
    t.match(told['content-type'], /^text\/html/)
    t.match(told['content-security-policy'], /^default-src 'none'; style-src 'sha256-/)
    for (const [method, path] of guardedRoutes)
      t.ok(text.includes(`<h2>${method} ${path}</h2>`), path)
    t.notMatch(text, /<script|https?:|src=/)
    t.match((await call('GET', '/', undefined, { token: null })).body, {
      name: 'v4vd',
      console: '/console',
      docs: '/docs',
    })
    const headers = { accept: 'text/html,*/*;q=0.8' }
    const answer = await call('GET', '/', undefined, { token: null, headers })
    t.match(answer, { status: 302, headers: { location: '/console' } })
  },
)
