import { once } from 'node:events'
import { WebSocket } from 'ws'
import type { Job } from '../protocol.js'
import type { PeerHandlers, PeerLink } from './peer.js'

/** Bytes that a client or the relay lets wait in a socket before it waits itself. */
export const BUFFERED_BYTES_MAX = 1024 * 1024

/** A client of the plain `ws` relay: one datagram is one message. */
export async function connectWs(job: Job, handlers: PeerHandlers): Promise<PeerLink> {
  const socket = new WebSocket(job.connect!.url, { perMessageDeflate: false })
  socket.on('error', error => handlers.fail(`the connection to the relay failed: ${error.message}`))
  socket.on('close', () => handlers.fail('the relay closed the connection'))
  socket.on('message', (data: Buffer) => handlers.onDatagram(data))
  await once(socket, 'open')
  const onSent = (): void => {
    if (socket.bufferedAmount <= BUFFERED_BYTES_MAX / 2) handlers.onWritable()
  }
  return {
    send: bytes => socket.send(bytes, onSent),
    // Masking copies the bytes, so the same may be stamped again at once.
    flow: { kind: 'own', isWritable: () => socket.bufferedAmount < BUFFERED_BYTES_MAX, slots: 1 },
  }
}
