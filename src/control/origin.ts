import type { Socket } from 'node:net'

/** Whose process is at the other end of a connection over the socket in the state folder. */
const users = new WeakMap<Socket, number>()

/** Notes which user of this machine a connection is of, as its kernel says. */
export function noteUser(socket: Socket, uid: number): void {
  users.set(socket, uid)
}

/** From where a request comes: an address, or over the socket in the state folder, and whose. */
export function originOf(socket: Socket): string {
  const { remoteAddress } = socket
  if (remoteAddress !== undefined) return remoteAddress
  const uid = users.get(socket)
  return uid === undefined ? 'control.sock' : `uid ${uid}`
}
