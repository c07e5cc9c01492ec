import { frameBytes, type FrameBytes } from '../abi/frame.js'

/** Memory that frames are packed in, unless one message is larger. */
export const CHUNK_BYTES = 256 * 1024
const SPARE_CHUNKS_MAX = 16

/** Memory that frames are written to. It is used again once all its messages are decided. */
export interface Chunk extends FrameBytes {
  /** Where it came from and goes back to. */
  readonly home: ChunkPool
  /** Frames in it that are not decided, and runs of messages kept in it to be sent again. */
  uses: number
  /** Ends with frames that no SENT speaks of, so nothing shows when they have been read. */
  endsUnanswered: boolean
  /** Something of it is packed and not given to the transport. */
  isUnsent: boolean
}

/** Where chunks come from. */
export interface ChunkPool {
  /** A SEND frame in them grows to this, unless one message is larger. */
  readonly frameBytes: number
  /** So much is written at once, without waiting for the turn to end. */
  readonly flushBytes: number
  /** A chunk of CHUNK_BYTES, or of `bytes` where that is more. */
  take(bytes: number): Chunk
  /** Takes a chunk back of which all messages are decided and everything was given to the transport. */
  give(chunk: Chunk): void
}

/** Pairs memory with what is known of its use. */
export function newChunk(home: ChunkPool, bytes: Uint8Array): Chunk {
  return {
    ...frameBytes(bytes),
    home,
    uses: 0,
    endsUnanswered: false,
    isUnsent: false,
  }
}

/** Chunks of this process's own memory. */
export class HeapChunks implements ChunkPool {
  // As much as a Unix socket's buffer takes at once.
  readonly frameBytes = 128 * 1024
  readonly flushBytes = 128 * 1024
  readonly #spares: Chunk[] = []

  take(bytes: number): Chunk {
    const spare = bytes > CHUNK_BYTES ? undefined : this.#spares.pop()
    return spare ?? newChunk(this, new Uint8Array(Math.max(bytes, CHUNK_BYTES)))
  }

  give(chunk: Chunk): void {
    if (chunk.endsUnanswered || chunk.bytes.length !== CHUNK_BYTES) return
    if (this.#spares.length < SPARE_CHUNKS_MAX) this.#spares.push(chunk)
  }
}
