import { chmodSync, existsSync, lstatSync, unlinkSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import type { Connection } from './connection.js'
import type { Hub } from './hub.js'
import { readShared } from './shared-read.js'
import { SocketLink } from './socket-link.js'

/** Longest path of a Unix socket on Linux, its closing zero left out (sun_path in unix(7)). */
const SOCKET_PATH_BYTES_MAX = 107

/** Why a socket could not be opened; the message is for a person. */
export class SocketPathError extends Error {
  override readonly name = 'SocketPathError'
}

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
   * Listens on a path. What an earlier daemon left there is replaced: the caller holds the state
   * folder, so no other daemon is using it.
   * @throws SocketPathError when the path is too long or is something else than a socket.
   */
  static async listen(path: string, hub: Hub, options: UnixSocketOptions): Promise<UnixSocket> {
    if (Buffer.byteLength(path) > SOCKET_PATH_BYTES_MAX) {
      throw new SocketPathError(
        `the socket path ${path} is longer than the ${SOCKET_PATH_BYTES_MAX} bytes the system allows: use a state folder with a shorter path`,
      )
    }
    if (existsSync(path)) {
      if (!lstatSync(path).isSocket()) {
        throw new SocketPathError(`${path} is in the way and is not a socket: move it away`)
      }
      unlinkSync(path)
    }
    const server = createServer({ pauseOnConnect: true }, socket =>
      attach(socket, hub, options.domain),
    )
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ path, backlog: 1024 }, () => {
        server.removeListener('error', reject)
        resolve()
      })
    })
    chmodSync(path, options.mode)
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
  socket.on('error', () => socket.destroy())
  socket.on('end', () => socket.destroy())
  socket.on('close', () => connection?.gone())
  connection = hub.connect(new SocketLink(socket), domain)
  if (connection === undefined) socket.destroy()
}
