import { chmodSync, existsSync, lstatSync, unlinkSync } from 'node:fs'
import type { Server } from 'node:net'

/** Longest path of a Unix socket on Linux, its closing zero left out (sun_path in unix(7)). */
const SOCKET_PATH_BYTES_MAX = 107

/** Why a socket could not be opened; the message is for a person. */
export class SocketPathError extends Error {
  override readonly name = 'SocketPathError'
}

/**
 * Has a server listen on a Unix socket. What an earlier daemon left at the path is replaced: the
 * caller holds the state folder, so no other daemon is using it.
 * @param mode permission bits of the socket file.
 * @throws SocketPathError when the path is too long or is something else than a socket.
 */
export async function listenAtPath(server: Server, path: string, mode: number): Promise<void> {
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
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ path, backlog: 1024 }, () => {
      server.removeListener('error', reject)
      resolve()
    })
  })
  chmodSync(path, mode)
}
