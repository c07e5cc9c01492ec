import {
  FRAME,
  readU64,
  RING_DATA_IN_PLACE,
  SEND_RETRY,
  SENT_ENTRY_BYTES,
  writeHeader,
  writeU64,
  Y_AT,
} from './frame.js'
import { FRAME_HEADER_BYTES, SEND_HEADER_BYTES } from './limits.js'

/**
 * The frames of the data path, written in place: SEND and CONSUMED from the client, RING_DATA and
 * SENT to it.
 */

/** The fixed part of SEND; the messages' slots follow it. */
export interface SendHeader {
  /** A domain's number or a TARGET handle. */
  readonly target: number
  readonly port: number
  readonly sourcePort: number
  /** Sequence number of the first message; the others count up from it. */
  readonly firstSeq: number
  /** One of MESSAGE_TYPES. */
  readonly type: number
  readonly count: number
  readonly retry: boolean
}

/** Writes the 32 bytes in front of a run of messages that ends `length` bytes after `at`. */
export function writeSendHeader(
  view: DataView,
  at: number,
  length: number,
  send: SendHeader,
): void {
  const flags = send.retry ? SEND_RETRY : 0
  writeHeader(view, at, length, FRAME.SEND, flags, send.target, send.port, send.sourcePort)
  writeU64(view, at + 16, send.firstSeq)
  view.setUint32(at + 24, send.type, true)
  view.setUint32(at + 28, send.count, true)
}

export const sendFirstSeq = (view: DataView, at: number): number => readU64(view, at + 16)
export const sendType = (view: DataView, at: number): number => view.getUint32(at + 24, true)
export const sendCount = (view: DataView, at: number): number => view.getUint32(at + 28, true)
export const sendSlotsAt = (at: number): number => at + SEND_HEADER_BYTES

/** Writes the header of a region of a ring; the region's bytes follow it verbatim. */
export function writeRingDataHeader(
  view: DataView,
  at: number,
  ring: number,
  offset: number,
  regionBytes: number,
): void {
  writeHeader(view, at, FRAME_HEADER_BYTES + regionBytes, FRAME.RING_DATA, 0, ring, 0, 0)
  writeU64(view, at + Y_AT, offset)
}

/** A RING_DATA frame whose bytes lie in the ring's shared memory. */
export const RING_DATA_IN_PLACE_BYTES = 2 * FRAME_HEADER_BYTES

/** Writes the 32 bytes that say that a region has come to lie in a ring's shared memory. */
export function writeRingDataInPlace(
  view: DataView,
  at: number,
  ring: number,
  offset: number,
  regionBytes: number,
): void {
  writeHeader(view, at, RING_DATA_IN_PLACE_BYTES, FRAME.RING_DATA, RING_DATA_IN_PLACE, ring, 0, 0)
  writeU64(view, at + Y_AT, offset)
  writeU64(view, at + FRAME_HEADER_BYTES, regionBytes)
  writeU64(view, at + FRAME_HEADER_BYTES + 8, 0)
}

/** Bytes of a region that lies in shared memory. */
export const ringDataInPlaceBytes = (view: DataView, at: number): number =>
  view.getUint32(at + FRAME_HEADER_BYTES, true)

/** Where in the ring's life a region starts, or what has been consumed: an absolute byte count. */
export const ringOffset = (view: DataView, at: number): number => readU64(view, at + Y_AT)

/** Writes "everything in this ring before `offset` is consumed". */
export function writeConsumed(view: DataView, at: number, ring: number, offset: number): void {
  writeHeader(view, at, FRAME_HEADER_BYTES, FRAME.CONSUMED, 0, ring, 0, 0)
  writeU64(view, at + Y_AT, offset)
}

/** Writes "everything before sequence number `upTo` is decided", with room for `entries` failures. */
export function writeSentHeader(view: DataView, at: number, entries: number, upTo: number): void {
  const length = FRAME_HEADER_BYTES + entries * SENT_ENTRY_BYTES
  writeHeader(view, at, length, FRAME.SENT, 0, entries, 0, 0)
  writeU64(view, at + Y_AT, upTo)
}

/** The first sequence number that is not decided yet. */
export const sentUpTo = (view: DataView, at: number): number => readU64(view, at + Y_AT)

/** Messages in a row that were refused for one reason. */
export interface SendFailure {
  readonly firstSeq: number
  readonly count: number
  readonly errno: number
  /** Finds the decision in the daemon's flow log; 0 where none was made. */
  readonly decisionId: number
}

/** Writes failure number `index` behind a SENT header. */
export function writeSentEntry(
  view: DataView,
  at: number,
  index: number,
  failure: SendFailure,
): void {
  const entry = at + FRAME_HEADER_BYTES + index * SENT_ENTRY_BYTES
  writeU64(view, entry, failure.firstSeq)
  view.setUint32(entry + 8, failure.count, true)
  view.setUint16(entry + 12, failure.errno, true)
  view.setUint16(entry + 14, 0, true)
  writeU64(view, entry + 16, failure.decisionId)
  writeU64(view, entry + 24, 0)
}

/** Reads failure number `index` of a SENT frame. */
export function readSentEntry(view: DataView, at: number, index: number): SendFailure {
  const entry = at + FRAME_HEADER_BYTES + index * SENT_ENTRY_BYTES
  return {
    firstSeq: readU64(view, entry),
    count: view.getUint32(entry + 8, true),
    errno: view.getUint16(entry + 12, true),
    decisionId: readU64(view, entry + 16),
  }
}
