import { FRAME, frameX, frameY, frameZ, type FrameBytes } from './frame.js'
import { FrameBody, FrameFields } from './frame-body.js'
import { NONCE_WORDS } from './shared-memory.js'

/** The frames by which a session moves from its socket to shared memory, and those of life there. */

/** Asks for shared memory. */
export function encodeShare(requestId: number): Uint8Array {
  return new FrameBody().frame(FRAME.SHARE, 0, 0, requestId, 0)
}

/** The answer: where the segment can be opened, or why there is none. */
export interface Shared {
  readonly requestId: number
  /** 0 when there is a segment; else the rest says nothing. */
  readonly errno: number
  /** The segment is `/proc/<pid>/fd/<fd>`, until MAPPED is answered for. */
  readonly pid: number
  readonly fd: number
  readonly segmentBytes: number
  readonly chunks: number
  /** The 4 words that the segment begins with. */
  readonly nonce: readonly number[]
}

export function encodeShared(shared: Shared): Uint8Array {
  const body = new FrameBody()
    .u32(shared.pid)
    .u32(shared.fd)
    .u32(shared.segmentBytes)
    .u32(shared.chunks)
  for (const word of shared.nonce) body.u32(word)
  return body.frame(FRAME.SHARED, 0, shared.errno, shared.requestId, 0)
}

export function decodeShared(source: FrameBytes, at: number): Shared | string {
  const fields = new FrameFields(source, at)
  const pid = fields.u32()
  const fd = fields.u32()
  const segmentBytes = fields.u32()
  const chunks = fields.u32()
  const nonce: number[] = []
  for (let index = 0; index < NONCE_WORDS; index++) nonce.push(fields.u32() ?? -1)
  if (
    pid === undefined ||
    fd === undefined ||
    segmentBytes === undefined ||
    chunks === undefined ||
    nonce.includes(-1)
  ) {
    return 'SHARED is too short'
  }
  const errno = frameX(source.view, at)
  return { requestId: frameY(source.view, at), errno, pid, fd, segmentBytes, chunks, nonce }
}

/** Says whether the client has the segment; if so this is its last frame over the socket but BELL. */
export function encodeMapped(requestId: number, isMapped: boolean): Uint8Array {
  return new FrameBody().frame(FRAME.MAPPED, 0, 0, requestId, isMapped ? 1 : 0)
}

export function decodeMapped(
  source: FrameBytes,
  at: number,
): { requestId: number; isMapped: boolean } {
  return { requestId: frameY(source.view, at), isMapped: frameZ(source.view, at) === 1 }
}

/** "Look at the queues." */
export function encodeBell(): Uint8Array {
  return new FrameBody().frame(FRAME.BELL, 0, 0, 0, 0)
}

/** Where in the segment a ring lies that the client is about to be told of. */
export interface RingPlace {
  readonly ring: number
  readonly offset: number
  readonly length: number
}

export function encodeRingPlace(place: RingPlace): Uint8Array {
  return new FrameBody().frame(FRAME.RING_PLACE, 0, place.ring, place.offset, place.length)
}

export function decodeRingPlace(source: FrameBytes, at: number): RingPlace {
  return {
    ring: frameX(source.view, at),
    offset: frameY(source.view, at),
    length: frameZ(source.view, at),
  }
}
