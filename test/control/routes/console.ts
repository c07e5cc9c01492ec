import t from 'tap'
import { CONSOLE_CSP, readConsole } from '../../../src/control/console-files.js'
import { buildTestApp } from '../fixtures/build-app.js'

const noToken = { token: null }

void t.test('every file of the console is served without a token, under its rules', async t => {
  const { call } = buildTestApp(t)
  for (const [name, { type, body }] of readConsole()) {
    const { status, headers, text } = await call('GET', `/console/${name}`, undefined, noToken)
    t.equal(status, 200, name)
    t.match(headers, {
      'content-type': type,
      'content-security-policy': CONSOLE_CSP,
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
    })
    t.equal(text, String(body))
  }
  for (const url of ['/console', '/console/']) {
    const { text } = await call('GET', url, undefined, noToken)
    t.match(text, '<!doctype html>', url)
  }
})

void t.test('a file that a browser has already is not sent again', async t => {
  const { call } = buildTestApp(t)
  const first = await call('GET', '/console/main.js', undefined, noToken)
  const etag = String(first.headers['etag'])
  t.equal(first.headers['cache-control'], 'no-cache')
  const again = { token: null, headers: { 'if-none-match': etag } }
  const { status, text } = await call('GET', '/console/main.js', undefined, again)
  t.strictSame([status, text], [304, ''])
  const other = { token: null, headers: { 'if-none-match': '"other"' } }
  t.equal((await call('GET', '/console/main.js', undefined, other)).status, 200)
})

void t.test('nothing else is served, however it is asked for', async t => {
  const { call } = buildTestApp(t)
  for (const path of [
    '../control/app.js',
    '..%2fcontrol%2fapp.js',
    '%2e%2e/%2e%2e/package.json',
    '....//....//package.json',
    '/etc/passwd',
    '%2fetc%2fpasswd',
    'views',
    'views/',
    'views/../main.js/',
    'main.js%00',
    'main.ts',
    'tsconfig.json',
    'MAIN.JS',
    '__proto__',
    'constructor',
  ]) {
    const { status, body } = await call('GET', `/console/${path}`, undefined, noToken)
    t.strictSame([status, body.code], [404, 'ENOENT'], path)
  }
  t.equal((await call('POST', '/console/main.js', undefined, noToken)).status, 405)
  const headers = { origin: 'http://evil.example' }
  t.equal((await call('GET', '/console', undefined, { token: null, headers })).status, 403)
})
