import type { Socket } from 'node:net'
import type { Native } from './native.js'
import { descriptorOf } from './socket-descriptor.js'

/** The user whose process is at the other end of a Unix socket; undefined where it can't be known. */
export function peerUser(socket: Socket, native: Native | undefined): number | undefined {
  const fd = descriptorOf(socket)
  return fd === undefined ? undefined : native?.peerUser(fd)
}
