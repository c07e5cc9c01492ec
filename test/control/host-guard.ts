import t from 'tap'
import { hostProblem } from '../../src/control/host-guard.js'
import { buildTestApp } from './fixtures/build-app.js'

void t.test('addresses, localhost and the name listened at are served', t => {
  for (const host of [
    'localhost',
    'localhost:8484',
    'LOCALHOST:1',
    'v4v.localhost',
    '127.0.0.1:8484',
    '10.1.2.3',
    '[::1]:8484',
    'daemon.lan:8484',
  ]) {
    t.equal(hostProblem(host, undefined, 'daemon.lan'), undefined, host)
  }
  t.end()
})

void t.test('other names, and what is no host, are not', t => {
  for (const host of [
    undefined,
    '',
    'evil.example',
    'evil.example:8484',
    'localhost.evil.example',
    'notlocalhost',
    '127.0.0.1.evil.example',
    'localhost@evil.example',
    'localhost/x',
    'localhost?x',
    'a b',
  ]) {
    t.match(hostProblem(host, undefined, 'daemon.lan'), /Host header/, String(host))
  }
  t.end()
})

void t.test('an origin has to be that of the host', t => {
  t.equal(hostProblem('localhost:8484', 'http://localhost:8484', 'localhost'), undefined)
  t.equal(hostProblem('localhost', 'http://localhost:80', 'localhost'), undefined)
  for (const origin of ['null', '', 'http://localhost:1', 'http://evil.example', 'file://', 'x']) {
    t.match(hostProblem('localhost:8484', origin, 'localhost'), /Origin header/, origin)
  }
  t.end()
})

void t.test('both are checked on every path, with or without a token', async t => {
  const { call } = buildTestApp(t)
  for (const url of ['/', '/livez', '/metrics', '/docs', '/v1/rules', '/nothing']) {
    for (const headers of [{ host: 'evil.example' }, { origin: 'http://evil.example' }]) {
      const { status, body } = await call('GET', url, undefined, { headers })
      t.strictSame([status, body.code], [403, 'EPERM'], `${url} ${JSON.stringify(headers)}`)
    }
  }
})
