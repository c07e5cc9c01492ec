import type { Remote } from '../hypervisor/session-end.js'

/** How a session reaches its client. */
export const LINK_KINDS = ['unix', 'websocket', 'memory', 'shared-memory'] as const
export type LinkKind = (typeof LINK_KINDS)[number]

/**
 * The bytes' way to one client. Bytes from it are pushed into the connection by whoever made the
 * link.
 */
export interface Link {
  readonly kind: LinkKind
  /** Who is at the other end; nothing where that is this process. */
  readonly remote?: Remote | undefined
  /**
   * Writes whole frames. One write is under way at a time.
   * @param chunks stay unchanged until `done` is called, and are not copied before.
   * @param done called once, later, when the next write may start.
   */
  write(chunks: readonly Uint8Array[], done: () => void): void
  /** Stops or resumes taking bytes from the client. */
  pause(): void
  resume(): void
  /**
   * Ends the link behind what was written.
   * @param closeCode for WebSocket.
   */
  end(closeCode: number, reason: string): void
  /** Ends the link at once. */
  destroy(): void
  /**
   * Has the client look at the memory it shares with the daemon; only where the link can carry
   * that, and the client can open the daemon's files.
   */
  ring?(): void
}
