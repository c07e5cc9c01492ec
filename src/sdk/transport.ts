import type { FrameBytes } from '../abi/frame.js'
import type { Load, Polling } from '../native/poller.js'
import type { ChunkPool } from './chunk.js'

/** How a session reaches its daemon. */
export type TransportKind = 'unix' | 'websocket' | 'memory' | 'shared-memory'

/**
 * A way to move frames between a client and the daemon. Both ends of every way look the same, so
 * an end of the in-process pair serves the daemon as well as the client.
 */
export interface Transport {
  /** What it is called where people look at sessions; `memory` unless it says so. */
  readonly kind?: TransportKind
  /** Where it is counted how many messages arrive or are decided, if it wants to know. */
  readonly load?: Load | undefined
  /** Has it be looked at for a while after something happened, if it can be. */
  poll?(polling: Polling): void
  /** The memory that a ring was placed in, where the daemon shares some; undefined: no such. */
  memory?(offset: number, bytes: number): FrameBytes | undefined
  /** Memory to pack frames in from which `send` need not copy, where there is some. */
  readonly chunks?: ChunkPool | undefined
  /**
   * Begins to deliver what arrives; called once, before anything is sent.
   * Nothing is delivered inside this call.
   */
  start(receiver: TransportReceiver): void
  /**
   * Sends chunks, each of which holds whole frames. The bytes may not be changed until the other
   * end has read them.
   * @returns false when the sender should wait for `onDrain`; the chunks are sent all the same.
   */
  send(chunks: readonly Uint8Array[]): boolean
  /** Sends what it was given and then closes; `onClose` follows. */
  close(): void
  /** Nobody will look at what it brought any more, which it may keep memory for. */
  release?(): void
  /** Closes at once, without sending the rest; `onClose` follows. */
  destroy(): void
}

/** What a transport calls, never from inside a call to itself. */
export interface TransportReceiver {
  /** Bytes `start` to `end` of a buffer that is reused after the call. */
  onBytes(source: FrameBytes, start: number, end: number): void
  /** `send` returned false, and now there is room again. */
  onDrain(): void
  /** The last call: the way is closed, by either end, or by a failure. */
  onClose(error?: Error): void
}

/** Makes a transport; may take its time. The signal ends an attempt that is no longer wanted. */
export type TransportFactory = (signal?: AbortSignal) => Transport | Promise<Transport>
