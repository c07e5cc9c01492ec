import { errnoOf, type ErrorCode } from '../abi/errno.js'
import { frameY, type FrameBytes } from '../abi/frame.js'
import { decodeMapped, encodeShared } from '../abi/share-frame.js'
import type { Domain } from '../hypervisor/domain.js'
import type { RingMemory } from '../hypervisor/ring-memory.js'
import type { Link } from './link.js'
import type { LinkWatch } from './link-watch.js'
import { SharedLink, type SharedReceiver } from './shared-link.js'
import type { SharedSegment, SharedSegments } from './shared-segment.js'

/** How one session moves from its socket to memory shared with its client. */
export class Sharing {
  readonly #segments: SharedSegments
  readonly #watch: LinkWatch
  #segment: SharedSegment | undefined
  #requestId: number | undefined
  #link: SharedLink | undefined

  constructor(segments: SharedSegments, watch: LinkWatch) {
    this.#segments = segments
    this.#watch = watch
  }

  /** The link through the memory, from when the client has mapped it. */
  get link(): SharedLink | undefined {
    return this.#link
  }

  /** Where the session's rings lie. */
  get rings(): RingMemory | undefined {
    return this.#link === undefined ? undefined : this.#segment
  }

  /**
   * Offers a segment, if it can be had.
   * @param isInTime nothing has happened in the session, and its link can carry bells.
   * @returns the SHARED frame.
   */
  offer(domain: Domain, source: FrameBytes, at: number, isInTime: boolean): Uint8Array {
    const requestId = frameY(source.view, at)
    if (!isInTime || this.#requestId !== undefined) return refused(requestId, 'EOPNOTSUPP')
    const outcome = this.#segments.open(domain)
    if (!outcome.ok) return refused(requestId, outcome.code)
    const { segment } = outcome
    this.#segment = segment
    this.#requestId = requestId
    return encodeShared({
      requestId,
      errno: 0,
      pid: process.pid,
      fd: segment.fd!,
      segmentBytes: segment.layout.bytes,
      chunks: segment.layout.chunks,
      nonce: segment.nonce,
    })
  }

  /**
   * Takes the client's MAPPED.
   * @param socket carries the bells from now on.
   * @returns nothing, or what is wrong.
   */
  mapped(
    source: FrameBytes,
    at: number,
    socket: Link,
    receiver: SharedReceiver,
  ): string | undefined {
    const { requestId, isMapped } = decodeMapped(source, at)
    const segment = this.#segment
    if (segment?.fd === undefined || requestId !== this.#requestId) {
      return 'MAPPED answers no SHARED'
    }
    segment.closeFile()
    if (isMapped) this.begin(segment, socket, receiver)
    else segment.release()
    return undefined
  }

  /** Has frames go through a segment from now on, and bells by the way the client came by. */
  begin(segment: SharedSegment, socket: Link, receiver: SharedReceiver): void {
    const bell = {
      ring: () => socket.ring!(),
      end: (code: number, reason: string) => socket.end(code, reason),
      destroy: () => socket.destroy(),
    }
    this.#segment = segment
    this.#link = new SharedLink(segment.memory, segment.layout, bell, this.#watch, receiver)
  }

  /** The client is gone: takes the last of what it sent, and lets go of the memory. */
  close(): void {
    this.#link?.close()
    this.#segment?.release()
  }
}

function refused(requestId: number, code: ErrorCode): Uint8Array {
  const nothing = { pid: 0, fd: 0, segmentBytes: 0, chunks: 0, nonce: [0, 0, 0, 0] }
  return encodeShared({ requestId, errno: errnoOf(code), ...nothing })
}
