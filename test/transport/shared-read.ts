import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import t, { type Test } from 'tap'
import { readShared } from '../../src/transport/shared-read.js'
import { until } from '../fixtures/daemon.js'
import { stateDir } from '../fixtures/state-dir.js'

interface Accepted {
  readonly socket: Socket
  readonly received: number[]
  hasEnded: boolean
}

async function listen(t: Test): Promise<{ path: string; server: Server; accepted: Accepted[] }> {
  const path = join(stateDir(t), 's')
  const accepted: Accepted[] = []
  const server = createServer({ pauseOnConnect: true }, raw => {
    const received: number[] = []
    const socket = readShared(raw, (bytes, start, end) => {
      received.push(...bytes.bytes.subarray(start, end))
    })
    const entry: Accepted = { socket, received, hasEnded: false }
    socket.on('end', () => (entry.hasEnded = true))
    socket.on('error', () => undefined)
    accepted.push(entry)
  })
  server.listen(path)
  await once(server, 'listening')
  t.teardown(() => {
    for (const { socket } of accepted) socket.destroy()
    server.close()
  })
  return { path, server, accepted }
}

await t.test('sockets that share a buffer do not mix what they read', async t => {
  const { path, accepted } = await listen(t)
  const clients = await Promise.all(
    [1, 2, 3].map(async () => {
      const client = connect(path)
      await once(client, 'connect')
      return client
    }),
  )
  for (let round = 0; round < 200; round++) {
    for (const [index, client] of clients.entries()) client.write(Buffer.alloc(50, index + 1))
    if (round % 10 === 0) await new Promise(resolve => setImmediate(resolve))
  }
  await until(
    () => accepted.reduce((sum, { received }) => sum + received.length, 0),
    sum => sum === 30_000,
  )
  const firsts = accepted.map(({ received }) => received[0]!)
  t.same(new Set(firsts), new Set([1, 2, 3]))
  for (const { received } of accepted) t.ok(received.every(byte => byte === received[0]))
  for (const client of clients) client.destroy()
})

await t.test('a socket that is paused keeps its bytes in the kernel, and goes on', async t => {
  const { path, accepted } = await listen(t)
  const client = connect(path)
  await once(client, 'connect')
  await until(
    () => accepted.length,
    length => length === 1,
  )
  const [server] = accepted
  server!.socket.pause()
  client.write('held')
  await new Promise(resolve => setTimeout(resolve, 50))
  t.equal(server!.received.length, 0)
  server!.socket.resume()
  await until(
    () => server!.received.length,
    length => length === 4,
  )
  server!.socket.end('answer')
  const [answer] = (await once(client, 'data')) as [Buffer]
  t.equal(String(answer), 'answer')
})

await t.test('the end of a socket is seen, and the server counts it out', async t => {
  const { path, server, accepted } = await listen(t)
  const client = connect(path)
  await once(client, 'connect')
  client.end('x')
  await until(
    () => accepted[0]?.hasEnded,
    hasEnded => hasEnded === true,
  )
  t.same(accepted[0]!.received, [120])
  accepted[0]!.socket.destroy()
  const closed = once(server, 'close')
  server.close()
  await closed
  t.pass('close waits for no socket that is gone')
})

await t.test(
  'a socket that is filled as fast as it is read lets others have their turn',
  async t => {
    // Over TCP, whose buffers hold more than one read takes, and from another thread.
    const total = 16 * 1024 * 1024
    const clock = new Int32Array(new SharedArrayBuffer(4))
    let bytesOfTurn = 0
    let bytesOfTurnMax = 0
    let received = 0
    let turn: NodeJS.Immediate | undefined
    const server = createServer({ pauseOnConnect: true }, raw => {
      const socket = readShared(raw, (_bytes, start, end) => {
        received += end - start
        bytesOfTurn += end - start
        bytesOfTurnMax = Math.max(bytesOfTurnMax, bytesOfTurn)
        turn ??= setImmediate(() => {
          turn = undefined
          bytesOfTurn = 0
        })
        Atomics.wait(clock, 0, 0, 3) // work, during which the next bytes arrive
      })
      t.teardown(() => socket.destroy())
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.teardown(() => server.close())
    const { port } = server.address() as AddressInfo
    const writer = new Worker(
      `const { port, total } = require('node:worker_threads').workerData
     require('node:net').connect(port, '127.0.0.1').end(Buffer.alloc(total))`,
      { eval: true, workerData: { port, total } },
    )
    t.teardown(() => writer.terminate())
    await until(
      () => received,
      bytes => bytes === total,
    )
    t.ok(bytesOfTurnMax <= 1.25 * 1024 * 1024, `${bytesOfTurnMax} bytes were read in one turn`)
  },
)
