import type { Socket } from 'node:net'

/** What is inside a socket; Node does not show its descriptor. */
interface Innards {
  readonly _handle?: { readonly fd?: number } | null
}

/** The descriptor of a socket, while it is open and has one. */
export function descriptorOf(socket: Socket): number | undefined {
  const fd = (socket as unknown as Innards)._handle?.fd
  return fd !== undefined && fd >= 0 ? fd : undefined
}
