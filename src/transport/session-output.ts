import { encodeEvent, type EventFrame } from '../abi/control-frame.js'
import {
  RING_DATA_IN_PLACE_BYTES,
  writeRingDataHeader,
  writeRingDataInPlace,
  writeSentEntry,
  writeSentHeader,
  type SendFailure,
} from '../abi/data-frame.js'
import { frameBytes, SENT_ENTRY_BYTES, type FrameBytes } from '../abi/frame.js'
import { FRAME_HEADER_BYTES } from '../abi/limits.js'
import type { Ring } from '../hypervisor/ring.js'
import { SmallFrames } from './small-frames.js'

/** Ring bytes in one write: as much as a Unix socket's buffer takes at once, and some more. */
const RING_BYTES_PER_WRITE = 256 * 1024
/** Of one ring in one write, so that a busy ring does not hold up the others of its session. */
const RING_BYTES_PER_TURN = 128 * 1024
/** A region up to this is copied behind its header. */
const SMALL_REGION_BYTES = 1024
/** Failures in one SENT frame. */
const FAILURES_PER_FRAME = 4096

type HasView = Pick<FrameBytes, 'view'>

/**
 * What waits to be written to one client. Frames are kept as they are; which sends are decided
 * and which rings have bytes is kept as state, so none of that grows while a client does not read.
 */
export class SessionOutput {
  #frames: Uint8Array[] = []
  #frameBytes = 0
  #failures: SendFailure[] = []
  /** How little room rings have that were sent to; told in front of the next SENT. */
  #rooms: EventFrame[] = []
  #sentUpTo = 0
  #sentTold = 0
  readonly #rings = new Set<Ring>()
  readonly #small = new SmallFrames()

  /** Bytes that wait, besides those in rings. */
  get waitingBytes(): number {
    return (
      this.#frameBytes +
      this.#failures.length * SENT_ENTRY_BYTES +
      this.#rooms.length * FRAME_HEADER_BYTES
    )
  }

  get isEmpty(): boolean {
    return (
      this.#frames.length === 0 &&
      this.#rings.size === 0 &&
      this.#failures.length === 0 &&
      this.#sentTold === this.#sentUpTo
    )
  }

  frame(frame: Uint8Array): void {
    this.#frames.push(frame)
    this.#frameBytes += frame.length
  }

  event(event: EventFrame): void {
    this.frame(encodeEvent(event))
  }

  /** Everything before `seq` is decided. */
  sent(seq: number): void {
    this.#sentUpTo = seq
  }

  /** Notes how much room is left behind what was decided; what is known of the same ring is over. */
  room(target: number, port: number, payloadBytes: number): void {
    const last = this.#rooms.at(-1)
    if (last?.target === target && last.port === port) this.#rooms.pop()
    this.#rooms.push({ kind: 'room', target, port, value: payloadBytes })
  }

  /** Notes a refusal, as one with the last where they are neighbours of the same kind. */
  failed(failure: SendFailure): void {
    const last = this.#failures.at(-1)
    if (
      last !== undefined &&
      last.errno === failure.errno &&
      last.decisionId === failure.decisionId &&
      last.firstSeq + last.count === failure.firstSeq
    ) {
      this.#failures[this.#failures.length - 1] = { ...last, count: last.count + failure.count }
    } else {
      this.#failures.push(failure)
    }
  }

  /** This ring has bytes its owner was not given. */
  ring(ring: Ring): void {
    this.#rings.add(ring)
  }

  dropRing(ring: Ring): void {
    this.#rings.delete(ring)
  }

  /**
   * Takes what is to be written next: whole frames, ring bytes uncopied where they lie, unless they
   * are few.
   * @param isWriting what was taken before is not written yet.
   */
  take(isWriting = false): Uint8Array[] {
    const chunks = this.#frames
    this.#small.begin(isWriting)
    this.#frames = []
    this.#frameBytes = 0
    this.#takeSent(chunks)
    let budget = RING_BYTES_PER_WRITE
    for (const ring of this.#rings) {
      if (budget <= 0) break
      this.#rings.delete(ring)
      if (ring.buffer.placeOffset !== undefined) {
        this.#tellInPlace(ring, chunks)
        continue
      }
      budget -= this.#takeRegions(ring, Math.min(budget, RING_BYTES_PER_TURN), chunks)
      if (ring.givenOffset < ring.buffer.txOffset) this.#rings.add(ring)
    }
    this.#small.cut(chunks)
    return chunks
  }

  #takeSent(chunks: Uint8Array[]): void {
    if (this.#sentTold === this.#sentUpTo && this.#failures.length === 0) return
    for (const room of this.#rooms) chunks.push(encodeEvent(room))
    this.#rooms = []
    const failures = this.#failures
    this.#failures = []
    this.#sentTold = this.#sentUpTo
    if (failures.length === 0) {
      const at = this.#small.room(FRAME_HEADER_BYTES) // the first to be there
      writeSentHeader(this.#small.view, at, 0, this.#sentUpTo)
      return
    }
    for (let first = 0; ; first += FAILURES_PER_FRAME) {
      const part = failures.slice(first, first + FAILURES_PER_FRAME)
      const isLast = first + part.length === failures.length
      const frame = frameBytes(new Uint8Array(FRAME_HEADER_BYTES + part.length * SENT_ENTRY_BYTES))
      // Until the last frame only what the told failures cover is decided for the client.
      const upTo = isLast ? this.#sentUpTo : part.at(-1)!.firstSeq + part.at(-1)!.count
      writeSentHeader(frame.view, 0, part.length, upTo)
      for (const [index, failure] of part.entries()) writeSentEntry(frame.view, 0, index, failure)
      chunks.push(frame.bytes)
      if (isLast) break
    }
  }

  /** Appends that all of what a ring's owner was not given lies in the memory that the owner sees. */
  #tellInPlace(ring: Ring, chunks: Uint8Array[]): void {
    const bytes = ring.buffer.txOffset - ring.givenOffset
    if (bytes === 0) return
    const { frame, at } = this.#room(RING_DATA_IN_PLACE_BYTES, chunks)
    writeRingDataInPlace(frame.view, at, ring.handle, ring.givenOffset, bytes)
    ring.givenOffset += bytes
  }

  /** Appends up to `bytesMax` of what a ring's owner was not given: at most two regions. */
  #takeRegions(ring: Ring, bytesMax: number, chunks: Uint8Array[]): number {
    let taken = 0
    for (let part = 0; part < 2 && taken < bytesMax; part++) {
      const region = ring.buffer.region(ring.givenOffset, bytesMax - taken)
      if (region.length === 0) break
      const { frame, at } = this.#room(FRAME_HEADER_BYTES, chunks)
      writeRingDataHeader(frame.view, at, ring.handle, ring.givenOffset, region.length)
      this.#region(region, chunks)
      ring.givenOffset += region.length
      taken += region.length
    }
    return taken
  }

  /** Appends a frame of so many bytes, which is still to be written to `at` of `frame`. */
  #room(size: number, chunks: Uint8Array[]): { readonly frame: HasView; readonly at: number } {
    const at = this.#small.room(size)
    if (at >= 0) return { frame: this.#small, at }
    this.#small.cut(chunks)
    const frame = frameBytes(new Uint8Array(size))
    chunks.push(frame.bytes)
    return { frame, at: 0 }
  }

  /** Appends bytes of a ring behind their header. */
  #region(region: Uint8Array, chunks: Uint8Array[]): void {
    const at = region.length > SMALL_REGION_BYTES ? -1 : this.#small.room(region.length)
    if (at >= 0) {
      this.#small.bytes.set(region, at)
      return
    }
    this.#small.cut(chunks)
    chunks.push(region)
  }
}
