import { createServer, type IncomingMessage } from 'node:http'
import { once } from 'node:events'
import t from 'tap'
import { defaultLimits } from '../../src/abi/limits.js'
import { ControlServer, isServedRequest } from '../../src/control/server.js'
import { buildTestApp } from './fixtures/build-app.js'

const limits = defaultLimits

void t.test('it listens, answers, and lets go of the port', async t => {
  const { app } = buildTestApp(t)
  const server = await ControlServer.listen(app, { host: '127.0.0.1', port: 0, limits })
  t.match(server.url, /^http:\/\/127\.0\.0\.1:[1-9][0-9]*$/)
  const answer = await fetch(`${server.url}/livez`)
  t.strictSame(await answer.json(), { status: 'ok' })
  t.equal(server.http.maxHeadersCount, 64)
  t.equal(server.http.headersTimeout, 5_000)
  t.equal(server.http.requestTimeout, 30_000)
  t.ok(server.http.maxConnections > limits.sessionsMax)
  await server.close()
  await t.rejects(fetch(`${server.url}/livez`))
})

void t.test('an address of six words is shown in brackets', async t => {
  const { app } = buildTestApp(t)
  const server = await ControlServer.listen(app, { host: '::1', port: 0, limits })
  t.match(server.url, /^http:\/\/\[::1\]:[0-9]+$/)
  t.equal((await fetch(`${server.url}/livez`)).status, 200)
})

void t.test('a port that is taken is an error, and nothing is left open', async t => {
  const { app } = buildTestApp(t)
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  t.teardown(() => other.close())
  const address = other.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  await t.rejects(ControlServer.listen(app, { host: '127.0.0.1', port, limits }), {
    code: 'EADDRINUSE',
  })
  t.equal(app.server.listening, false)
})

void t.test('upgrades are held to the same hosts and origins', t => {
  const request = (headers: object): IncomingMessage => ({ headers }) as IncomingMessage
  t.ok(isServedRequest(request({ host: 'localhost:1' }), 'localhost'))
  t.notOk(isServedRequest(request({ host: 'evil.example' }), 'localhost'))
  t.notOk(
    isServedRequest(request({ host: 'localhost', origin: 'http://evil.example' }), 'localhost'),
  )
  t.end()
})
