import { assert } from '../util/assert.js'
import { frameBytes, type FrameBytes } from './frame.js'

/**
 * The memory that the daemon and one client share, instead of sending frames over their socket.
 * No two domains ever share any. Everything is little-endian; offsets are in bytes:
 *
 *          0  header page: words that each have a line of the cache to themselves
 *       4096  up queue: descriptors of what the client sends (up-queue.ts)
 *      12288  down queue: a stream of frames to the client (down-queue.ts)
 *     274432  chunks, 256 KiB each: what descriptors point at lies here; the client's to use
 *     behind  ring arena: rings of the session, placed by the daemon, to the end
 *
 * Either side can write to all of it at any time. What the other side may have written is read
 * once, into a variable, and checked there. Neither side ever reads back a word of its own.
 */

/** Ranges start and end at a page, so that they can be given back to the system. */
export const SHARED_PAGE_BYTES = 4096

/** Indices of 32-bit words in the header page. */
export const SHARED_WORD = {
  /** The first of 4 random words, by which a client sees that it has opened the right file. */
  NONCE: 0,
  /** Client: descriptors pushed so far, modulo 2^32. */
  UP_HEAD: 16,
  /** Daemon: descriptors taken so far. */
  UP_TAIL: 32,
  /** Daemon: see SleepWord. */
  DAEMON_SLEEPS: 48,
  /** Daemon: bytes written to the down queue so far, modulo 2^32. */
  DOWN_HEAD: 64,
  /** Client: bytes of it read so far. */
  DOWN_TAIL: 80,
  /** Client: see SleepWord. */
  CLIENT_SLEEPS: 96,
  /** Daemon: 1 while it waits for space in the down queue. */
  DAEMON_WANTS_SPACE: 112,
  /** Client: 1 while it waits for descriptors to be taken. */
  CLIENT_WANTS_SPACE: 128,
} as const
export const NONCE_WORDS = 4

export const UP_QUEUE_AT = SHARED_PAGE_BYTES
/** Descriptors that can be under way; a power of two. */
export const UP_QUEUE_LENGTH = 1024
export const DESCRIPTOR_BYTES = 8

export const DOWN_QUEUE_AT = UP_QUEUE_AT + UP_QUEUE_LENGTH * DESCRIPTOR_BYTES
/** A power of two, so that a byte's place is its number modulo this also where that wraps. */
export const DOWN_QUEUE_BYTES = 256 * 1024

export const CHUNKS_AT = DOWN_QUEUE_AT + DOWN_QUEUE_BYTES
export const SHARED_CHUNK_BYTES = 256 * 1024
/** Chunks a daemon gives a client: enough to be under way while as many are being filled. */
export const SHARED_CHUNKS = 24
/** A segment's offsets are 32-bit numbers, and its length is less than this. */
export const SHARED_BYTES_MAX = 2 ** 31

/** Where in a segment things lie. */
export interface SharedLayout {
  readonly chunks: number
  /** The ring arena is behind the chunks. */
  readonly ringsAt: number
  /** Length of the segment, and end of the ring arena. */
  readonly bytes: number
}

/**
 * Lays a segment out.
 * @param ringBytes length of the ring arena: whole pages.
 */
export function sharedLayout(chunks: number, ringBytes: number): SharedLayout {
  const ringsAt = CHUNKS_AT + chunks * SHARED_CHUNK_BYTES
  return { chunks, ringsAt, bytes: ringsAt + ringBytes }
}

/** What a client that was told a segment's length and chunks makes of them; undefined: nothing. */
export function sharedLayoutOf(bytes: number, chunks: number): SharedLayout | undefined {
  const layout = sharedLayout(chunks, 0)
  if (chunks === 0 || bytes < layout.ringsAt || bytes >= SHARED_BYTES_MAX) return undefined
  return bytes % SHARED_PAGE_BYTES === 0 ? { ...layout, bytes } : undefined
}

/** A segment as one side sees it: bytes, a view and words of the same memory. */
export interface SharedMemory extends FrameBytes {
  readonly words: Int32Array
}

/** @param bytes all of a segment; they start at a multiple of 4 of their buffer. */
export function sharedMemory(bytes: Uint8Array): SharedMemory {
  const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 2)
  return { ...frameBytes(bytes), words }
}

/** Writes the random words by which the segment is recognised. */
export function writeNonce(memory: SharedMemory, nonce: readonly number[]): void {
  for (const [index, word] of nonce.entries()) memory.words[SHARED_WORD.NONCE + index] = word
}

/** True where the segment has these random words. */
export function hasNonce(memory: SharedMemory, nonce: readonly number[]): boolean {
  return nonce.every((word, index) => memory.words[SHARED_WORD.NONCE + index]! >>> 0 === word)
}

assert(CHUNKS_AT % SHARED_PAGE_BYTES === 0, 'chunks start at a page')
assert((UP_QUEUE_LENGTH & (UP_QUEUE_LENGTH - 1)) === 0, 'the up queue is a power of two long')
assert((DOWN_QUEUE_BYTES & (DOWN_QUEUE_BYTES - 1)) === 0, 'the down queue is a power of two long')
