import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { WebSocketServer, type WebSocket } from 'ws'
import { hostParts } from '../parts/part.js'
import { BUFFERED_BYTES_MAX } from '../parts/ws.js'

/**
 * The relay that most people would write: two clients on one path are a pair, and every message of
 * the one is sent to the other. No policy, no acknowledgement, no batches. It does stop reading
 * while the other side is behind, or it would only measure how fast memory grows.
 */
await hostParts(async () => {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false })
  await once(server, 'listening')
  const lonely = new Map<string, WebSocket>()
  server.on('connection', (socket, request) => {
    const path = request.url ?? '/'
    const other = lonely.get(path)
    if (other === undefined) {
      socket.pause()
      lonely.set(path, socket)
      return
    }
    lonely.delete(path)
    forward(socket, other)
    forward(other, socket)
    other.resume()
  })
  const { port } = server.address() as AddressInfo
  const door = { url: `ws://127.0.0.1:${port}/bench` }
  return { parts: { relay: { datagrams: 0 } }, doors: { source: door, sink: door } }
})

function forward(from: WebSocket, to: WebSocket): void {
  const onSent = (): void => {
    if (from.isPaused && to.bufferedAmount < BUFFERED_BYTES_MAX / 2) from.resume()
  }
  from.on('message', (data: Buffer, binary) => {
    to.send(data, { binary }, onSent)
    if (to.bufferedAmount > BUFFERED_BYTES_MAX) from.pause()
  })
  from.on('close', () => to.close())
}
