/**
 * The frames between a client and the daemon; README.md in this folder is their full
 * description. Everything is little-endian. Each frame starts with 16 bytes
 *
 *     0  u32  length   of the whole frame, a multiple of 16
 *     4  u8   type     one of FRAME
 *     5  u8   flags    depend on the type
 *     6  u16  x        depends on the type
 *     8  u32  y        depends on the type
 *    12  u32  z        depends on the type
 *
 * and is padded with zeros to its length. Everything about frames is static and
 * pure: what they have in common is here, the frames of the data path are in data-frame.ts,
 * those about shared memory in share-frame.ts, the others in control-frame.ts.
 */
export const FRAME = {
  // client to daemon
  HELLO: 0x01,
  REGISTER: 0x02,
  UNREGISTER: 0x03,
  SEND: 0x04,
  CONSUMED: 0x05,
  TARGET: 0x06,
  NOTIFY: 0x07,
  BYE: 0x08,
  SHARE: 0x09,
  MAPPED: 0x0a,
  // both ways
  PING: 0x40,
  PONG: 0x41,
  BELL: 0x42,
  // daemon to client
  WELCOME: 0x81,
  RESULT: 0x82,
  RING_DATA: 0x83,
  SENT: 0x84,
  NOTIFIED: 0x85,
  DOMAIN: 0x86,
  EVENT: 0x87,
  CLOSING: 0x88,
  SHARED: 0x89,
  RING_PLACE: 0x8a,
} as const

/** What both sides speak; a daemon answers another version with EPROTONOSUPPORT. */
export const PROTOCOL_VERSION = 1
/** `V4VD` in the y of HELLO, so that a stray client of another protocol is recognised. */
export const HELLO_MAGIC = 0x44563456
/** SEND: starts with the first message that was refused for want of space. */
export const SEND_RETRY = 0x01
/** REGISTER: refuse when the ring exists (Argo: XEN_ARGO_REGISTER_FLAG_FAIL_EXIST). */
export const REGISTER_FAIL_EXIST = 0x01
/** RING_DATA: the bytes lie in the ring's shared memory already, and only their length follows. */
export const RING_DATA_IN_PLACE = 0x01
/** First handle that a TARGET frame can name; below are domain numbers. */
export const TARGET_HANDLE_MIN = 0x8000
/** One entry of NOTIFY, NOTIFIED and SENT. */
export const NOTIFY_ENTRY_BYTES = 16
export const NOTIFIED_ENTRY_BYTES = 32
export const SENT_ENTRY_BYTES = 32

/** Kinds of EVENT, in its flags. */
export const EVENT_KIND = {
  space: 1,
  'ring-up': 2,
  'ring-down': 3,
  'domain-down': 4,
  'policy-changed': 5,
  room: 6,
} as const
export type EventKind = keyof typeof EVENT_KIND

const LENGTH_AT = 0
const TYPE_AT = 4
const FLAGS_AT = 5
const X_AT = 6
export const Y_AT = 8
const Z_AT = 12

/** Bytes and a view of the same memory, made once and kept, so that no frame costs an object. */
export interface FrameBytes {
  readonly bytes: Uint8Array
  readonly view: DataView
}

/** Pairs bytes with a view of them. */
export function frameBytes(bytes: Uint8Array): FrameBytes {
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength) }
}

export const frameLength = (view: DataView, at: number): number =>
  view.getUint32(at + LENGTH_AT, true)
export const frameType = (view: DataView, at: number): number => view.getUint8(at + TYPE_AT)
export const frameFlags = (view: DataView, at: number): number => view.getUint8(at + FLAGS_AT)
export const frameX = (view: DataView, at: number): number => view.getUint16(at + X_AT, true)
export const frameY = (view: DataView, at: number): number => view.getUint32(at + Y_AT, true)
export const frameZ = (view: DataView, at: number): number => view.getUint32(at + Z_AT, true)

/** Writes the 16 bytes every frame starts with. */
export function writeHeader(
  view: DataView,
  at: number,
  length: number,
  type: number,
  flags: number,
  x: number,
  y: number,
  z: number,
): void {
  view.setUint32(at + LENGTH_AT, length, true)
  view.setUint8(at + TYPE_AT, type)
  view.setUint8(at + FLAGS_AT, flags)
  view.setUint16(at + X_AT, x, true)
  view.setUint32(at + Y_AT, y, true)
  view.setUint32(at + Z_AT, z, true)
}

/** Writes a count of up to 2^53 as two words, low first. */
export function writeU64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value % 0x100000000, true)
  view.setUint32(at + 4, Math.floor(value / 0x100000000), true)
}

/** Reads a count; above 2^53 it is not exact, and the caller's range check refuses it. */
export function readU64(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 0x100000000
}
