import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { SocketLink } from '../../src/transport/socket-link.js'
import { stateDir } from '../fixtures/state-dir.js'

async function pair(t: Test): Promise<[Socket, Socket]> {
  const path = join(stateDir(t), 's')
  const server = createServer()
  server.listen(path)
  const client = connect(path)
  const [accepted] = (await once(server, 'connection')) as [Socket]
  server.close()
  t.teardown(() => {
    client.destroy()
    accepted.destroy()
  })
  return [client, accepted]
}

await t.test('chunks are written as they lie, and the next write may start when told', async t => {
  const [client, accepted] = await pair(t)
  const link = new SocketLink(accepted)
  t.equal(link.kind, 'unix')
  let done = 0
  const write = (texts: string[]) =>
    new Promise<void>(resolve =>
      link.write(
        texts.map(text => Buffer.from(text)),
        () => {
          done++
          resolve()
        },
      ),
    )
  const read = buffer(client)
  await write(['one', 'two', 'three'])
  await write(['four'])
  t.equal(done, 2)
  link.end()
  t.equal(String(await read), 'onetwothreefour')
})

await t.test('a write that the other side does not read is not done', async t => {
  const [client, accepted] = await pair(t)
  const link = new SocketLink(accepted)
  let isDone = false
  link.write([new Uint8Array(8 * 1024 * 1024)], () => (isDone = true))
  await new Promise(resolve => setTimeout(resolve, 50))
  t.equal(isDone, false)
  client.resume()
  link.end()
  await once(client, 'end')
  t.equal(isDone, true)
})

await t.test('nothing is written to a link that has ended, and nobody is told', async t => {
  const [client, accepted] = await pair(t)
  accepted.on('error', () => undefined)
  const link = new SocketLink(accepted)
  link.destroy()
  link.write([new Uint8Array(1)], () => t.fail('it was not written'))
  link.end()
  client.resume()
  await once(client, 'close')
  t.ok(accepted.destroyed)
})
