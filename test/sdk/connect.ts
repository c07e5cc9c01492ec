import { once } from 'node:events'
import type net from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { WebSocketServer } from 'ws'
import { errnoOf } from '../../src/abi/errno.js'
import { encodeClosing } from '../../src/abi/control-frame.js'
import { connect } from '../../src/sdk/connect.js'
import { memoryPair } from '../../src/sdk/memory-transport.js'
import { stateDir } from '../fixtures/state-dir.js'
import { attach, ScriptedPeer, welcome } from './fixtures/scripted-peer.js'
import { scriptedServer } from './fixtures/scripted-server.js'

await t.test('a url that leads nowhere is refused with what is wrong', async t => {
  delete process.env['V4V_URL']
  await t.rejects(connect(), { code: 'EINVAL', message: /V4V_URL/ })
  for (const url of ['http://127.0.0.1', 'unix:', 'ws://', '/run/v4v.sock']) {
    await t.rejects(connect({ url }), { code: 'EINVAL' })
  }
  const missing = `unix:${join(stateDir(t), 'none.sock')}`
  await t.rejects(connect({ url: missing }), { code: 'ECONNREFUSED', cause: { code: 'ENOENT' } })
  process.env['V4V_URL'] = missing.replace('unix:', 'unix://')
  await t.rejects(connect(), { code: 'ECONNREFUSED' })
  await t.rejects(connect({ url: 'ws://127.0.0.1:1' }), { code: 'ECONNREFUSED' })
})

await t.test('a daemon that refuses the client says why', async t => {
  const opening = attach({}, peer => {
    peer.welcomes = false
    peer.send(encodeClosing({ errno: errnoOf('EKEYEXPIRED'), reason: 'the token ended yesterday' }))
  })
  await t.rejects(opening, { code: 'EKEYEXPIRED', message: /ended yesterday/ })
  const early = attach({}, peer => peer.sent(0))
  await t.rejects(early, { code: 'EPROTO' })
})

await t.test('a daemon that ends the session at once is not asked again and again', async t => {
  let connections = 0
  const closing = encodeClosing({ errno: errnoOf('ECONNRESET'), reason: 'kicked in the door' })
  const url = await scriptedServer(t, (peer, socket) => {
    connections++
    peer.welcomes = false
    socket.write(Buffer.concat([welcome(), closing]))
  })
  for (const sharedMemory of ['off', 'auto'] as const) {
    connections = 0
    await t.rejects(connect({ url, token: 'x', sharedMemory }), { message: /kicked in the door/ })
    t.ok(connections <= 2, `${sharedMemory}: ${connections} connections`)
  }
})

await t.test('a daemon that says nothing is given up, and left alone', async t => {
  let peer: ScriptedPeer | undefined
  const prepare = (made: ScriptedPeer): void => {
    peer = made
    made.welcomes = false
  }
  await t.rejects(attach({ timeoutMs: 5 }, prepare), { code: 'ETIMEDOUT' })
  await peer?.until(() => peer?.isGone === true)
  const controller = new AbortController()
  const aborted = attach({ signal: controller.signal }, prepare)
  setImmediate(() => controller.abort())
  await t.rejects(aborted, { name: 'AbortError' })
  await peer?.until(() => peer?.isGone === true)
})

await t.test('frames go over a Unix socket, in any pieces', async t => {
  const url = await scriptedServer(t, (peer, socket) => {
    peer.welcomes = false
    for (const byte of welcome()) socket.write(Uint8Array.of(byte))
    peer.onSend = send => peer.sent(send.firstSeq + send.payloads.length)
  })
  const domain = await connect({ url, token: 'x' })
  const ring = await domain.bind(9)
  const large = Buffer.alloc(3_000_000, 1)
  await Promise.all([1, 2, 3].map(() => ring.send('web:80', large)))
  t.equal(domain.transport, 'unix')
  await domain.close()
})

await t.test('frames go over a WebSocket', async t => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await once(server, 'listening')
  server.on('connection', socket => {
    const [end, far] = memoryPair()
    const peer = new ScriptedPeer(end)
    peer.onSend = send => peer.sent(send.firstSeq + send.payloads.length)
    far.start({
      onBytes: (source, start, stop) => socket.send(source.bytes.slice(start, stop)),
      onDrain: () => undefined,
      onClose: () => socket.close(),
    })
    socket.on('message', data => far.send([Uint8Array.from(data as Buffer)]))
    socket.on('close', () => far.close())
  })
  const address = server.address() as net.AddressInfo
  const domain = await connect({ url: `ws://127.0.0.1:${address.port}/v1/attach`, token: 'x' })
  const ring = await domain.bind(9)
  const large = Buffer.alloc(3_000_000, 1)
  await Promise.all([1, 2, 3].map(() => ring.send('web:80', large)))
  t.equal(domain.name, 'db')
  t.equal(domain.transport, 'websocket')
  await domain.close()
  server.close()
  await once(server, 'close')
})
