import { createServer, type Server, type Socket } from 'node:net'
import { errnoOf } from '../abi/errno.js'
import { encodeClosing } from '../abi/control-frame.js'
import { peerProcess } from '../native/peer.js'
import { widenSendBuffer } from '../native/send-buffer.js'
import type { Connection } from './connection.js'
import { TURNED_AWAY, type Hub } from './hub.js'
import { listenAtPath } from './socket-path.js'
import { readShared } from './shared-read.js'
import { SocketLink } from './socket-link.js'

export interface UnixSocketOptions {
  /** The domain whose own socket this is; whoever can open it is that domain. */
  readonly domain?: string
  /** Permission bits of the socket file. */
  readonly mode: number
}

/** A Unix socket that clients attach by. */
export class UnixSocket {
  readonly path: string
  readonly #server: Server

  private constructor(path: string, server: Server) {
    this.path = path
    this.#server = server
  }

  /**
   * Listens on a path: see `listenAtPath`.
   * @throws SocketPathError
   */
  static async listen(path: string, hub: Hub, options: UnixSocketOptions): Promise<UnixSocket> {
    const server = createServer({ pauseOnConnect: true }, socket =>
      attach(socket, hub, options.domain),
    )
    await listenAtPath(server, path, options.mode)
    return new UnixSocket(path, server)
  }

  /** Stops listening; clients that are attached stay so. */
  close(): void {
    this.#server.close()
  }
}

function attach(accepted: Socket, hub: Hub, domain: string | undefined): void {
  let connection: Connection | undefined
  const socket = readShared(accepted, (bytes, start, end) => connection?.receive(bytes, start, end))
  widenSendBuffer(socket, hub.native)
  socket.on('error', () => socket.destroy())
  socket.on('end', () => socket.destroy())
  socket.on('close', () => connection?.gone())
  connection = hub.connect(new SocketLink(socket, peerProcess(socket, hub.native)), domain)
  if (connection === undefined) {
    const closing = encodeClosing({ errno: errnoOf('ENOSPC'), reason: TURNED_AWAY })
    socket.end(closing, () => socket.destroy())
  }
}
