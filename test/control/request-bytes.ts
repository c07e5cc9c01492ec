import { request } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import fastify from 'fastify'
import { createHash, randomBytes } from 'node:crypto'
import t from 'tap'
import type { ControlApp } from '../../src/control/app.js'
import { ownBuffers } from '../../src/control/policy/own-buffers.js'
import { takeBytes } from '../../src/control/request-bytes.js'

const BYTES_MAX = 300_000

/** An app that says what it was sent, and how to send it something. */
async function listening(t: {
  teardown: (work: () => Promise<unknown>) => void
}): Promise<(parts: readonly Uint8Array[], length?: number) => Promise<[number, unknown]>> {
  const app = fastify({ bodyLimit: BYTES_MAX })
  takeBytes(app as unknown as ControlApp)
  app.post('/', ({ body }) => {
    const bytes = body as Uint8Array
    return { hash: hashOf([bytes]), isOwn: ownBuffers(bytes).length === 1 }
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  t.teardown(() => app.close())
  const { port } = app.server.address() as AddressInfo
  return (parts, length) =>
    new Promise((resolve, reject) => {
      const headers = {
        'content-type': 'application/json',
        ...(length !== undefined && { 'content-length': length }),
      }
      const sent = request({ port, method: 'POST', headers }, response => {
        const said: Buffer[] = []
        response.on('data', (part: Buffer) => said.push(part))
        response.on('end', () =>
          resolve([response.statusCode!, JSON.parse(Buffer.concat(said).toString())]),
        )
      })
      sent.on('error', reject)
      for (const part of parts) sent.write(part)
      sent.end()
    })
}

function hashOf(parts: readonly Uint8Array[]): string {
  return createHash('sha256').update(Buffer.concat(parts)).digest('hex')
}

await t.test('a body is taken as its bytes, whether it says how long it is or not', async t => {
  const send = await listening(t)
  for (const size of [1, 1_000, 90_000]) {
    const parts = [randomBytes(size), randomBytes(size), randomBytes(size)]
    const expected = [200, { hash: hashOf(parts), isOwn: true }]
    t.same(await send(parts, 3 * size), expected)
    t.same(await send(parts), expected)
  }
})

await t.test('one that is too long is refused, whether it says so or not', async t => {
  const send = await listening(t)
  const parts = [randomBytes(BYTES_MAX), randomBytes(1)]
  const refused = { code: 'FST_ERR_CTP_BODY_TOO_LARGE' }
  t.match(await send(parts), [413, refused])
  t.match(await send(parts, BYTES_MAX + 1), [413, refused])
  t.match(await send(parts.slice(0, 1)), [200, {}])
})

await t.test('one that is cut off is refused', async t => {
  const app = fastify()
  takeBytes(app as unknown as ControlApp)
  app.post('/', () => t.fail('it is not there'))
  const refused = new Promise(resolve => app.setErrorHandler(resolve))
  await app.listen({ port: 0, host: '127.0.0.1' })
  t.teardown(() => app.close())
  const { port } = app.server.address() as AddressInfo
  const socket = connect(port, '127.0.0.1')
  const head = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n'
  socket.write(`${head}Content-Length: 100\r\n\r\n{`)
  app.server.once('request', () => setImmediate(() => socket.destroy()))
  t.match(await refused, { code: 'EINVAL', message: /cut off/ })
})
