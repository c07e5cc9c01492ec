import type { Socket } from 'node:net'
import type { Native } from './native.js'

/**
 * So that one side can go on writing while the other is busy with what it has read: with the 208 KiB
 * of most systems the two take turns, and wake each other at each.
 */
const SEND_BUFFER_BYTES = 1024 * 1024

/** What is inside a socket; Node does not show its descriptor. */
interface Innards {
  readonly _handle?: { readonly fd?: number } | null
}

/**
 * Has the system hold more of what is written to a Unix socket; where that can't be done the socket
 * stays as it is.
 */
export function widenSendBuffer(socket: Socket, native: Native | undefined): void {
  const fd = (socket as unknown as Innards)._handle?.fd
  if (fd !== undefined && fd >= 0) native?.setSendBuffer(fd, SEND_BUFFER_BYTES)
}
