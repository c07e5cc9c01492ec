import type { Socket } from 'node:net'
import type { Native } from './native.js'
import { descriptorOf } from './socket-descriptor.js'

/**
 * So that one side can go on writing while the other is busy with what it has read: with the 208 KiB
 * of most systems the two take turns, and wake each other at each.
 */
const SEND_BUFFER_BYTES = 1024 * 1024

/**
 * Has the system hold more of what is written to a Unix socket; where that can't be done the socket
 * stays as it is.
 */
export function widenSendBuffer(socket: Socket, native: Native | undefined): void {
  const fd = descriptorOf(socket)
  if (fd !== undefined) native?.setSendBuffer(fd, SEND_BUFFER_BYTES)
}
