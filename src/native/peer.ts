import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import type { Native } from './native.js'

/** The process at the other end of a Unix socket. */
export interface PeerProcess {
  readonly pid: number
  readonly uid: number
  /** The name that it has, of 15 bytes at most; undefined where /proc doesn't say. */
  readonly comm: string | undefined
}

/** What is inside a socket; Node does not show its descriptor. */
interface Innards {
  readonly _handle?: { readonly fd?: number } | null
}

/**
 * Who connected to a Unix socket: to be asked when it was accepted, while that process is there.
 * @returns undefined where the system doesn't say.
 */
export function peerProcess(socket: Socket, native: Native | undefined): PeerProcess | undefined {
  const fd = (socket as unknown as Innards)._handle?.fd
  const peer = fd === undefined || fd < 0 ? undefined : native?.peerOf(fd)
  return peer && { ...peer, comm: commOf(peer.pid) }
}

function commOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').replace(/\n$/, '')
  } catch {
    return undefined // gone already
  }
}
