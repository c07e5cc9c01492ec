import { FRAME_HEADER_BYTES, SEND_HEADER_BYTES, roundUpToSlot } from './limits.js'

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
 * and is padded with zeros to its length. The functions here are static and pure. Frames of the
 * data path are written in place (`write...`); the others come back as bytes of their own
 * (`encode...`). Decoders trust `length` to be checked by the reader and check all the rest.
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
  // both ways
  PING: 0x40,
  PONG: 0x41,
  // daemon to client
  WELCOME: 0x81,
  RESULT: 0x82,
  RING_DATA: 0x83,
  SENT: 0x84,
  NOTIFIED: 0x85,
  DOMAIN: 0x86,
  EVENT: 0x87,
  CLOSING: 0x88,
} as const

/** What both sides speak; a daemon answers another version with EPROTONOSUPPORT. */
export const PROTOCOL_VERSION = 1
/** `V4VD` in the y of HELLO, so that a stray client of another protocol is recognised. */
export const HELLO_MAGIC = 0x44563456
/** SEND: starts with the first message that was refused for want of space. */
export const SEND_RETRY = 0x01
/** REGISTER: refuse when the ring exists (Argo: XEN_ARGO_REGISTER_FLAG_FAIL_EXIST). */
export const REGISTER_FAIL_EXIST = 0x01
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
} as const
export type EventKind = keyof typeof EVENT_KIND

const LENGTH_AT = 0
const TYPE_AT = 4
const FLAGS_AT = 5
const X_AT = 6
const Y_AT = 8
const Z_AT = 12
const BODY_AT = FRAME_HEADER_BYTES

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

// ---- the data path ----------------------------------------------------------------------------

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

// ---- everything else --------------------------------------------------------------------------

/** Who a client says it is. */
export interface Hello {
  readonly version: number
  /** Empty where the socket itself is the identity. */
  readonly token: string
  /** Name and version of the client's software, for people who look at sessions. */
  readonly agent: string
}

export function encodeHello(hello: Hello): Uint8Array {
  const body = new Body().text(hello.token).text(hello.agent)
  return body.frame(FRAME.HELLO, 0, hello.version, HELLO_MAGIC, 0)
}

/** @returns the hello, or a sentence that says what is wrong with it. */
export function decodeHello(source: FrameBytes, at: number): Hello | string {
  if (frameY(source.view, at) !== HELLO_MAGIC) return 'HELLO does not carry the magic number'
  const fields = new Fields(source, at)
  const token = fields.text()
  const agent = fields.text()
  if (token === undefined || agent === undefined) return 'HELLO is shorter than its texts'
  return { version: frameX(source.view, at), token, agent }
}

/** What a session is told when it is let in. */
export interface Welcome {
  readonly version: number
  readonly domain: number
  readonly session: number
  readonly name: string
  readonly ringBytesMax: number
  readonly ringsMax: number
  /** The client must be heard of at least this often. */
  readonly pingIntervalMs: number
  readonly revision: number
}

export function encodeWelcome(welcome: Welcome): Uint8Array {
  const body = new Body()
    .u32(welcome.ringBytesMax)
    .u32(welcome.ringsMax)
    .u32(welcome.pingIntervalMs)
    .u32(welcome.revision)
    .text(welcome.name)
  return body.frame(FRAME.WELCOME, 0, welcome.version, welcome.domain, welcome.session)
}

export function decodeWelcome(source: FrameBytes, at: number): Welcome | string {
  const fields = new Fields(source, at)
  const ringBytesMax = fields.u32()
  const ringsMax = fields.u32()
  const pingIntervalMs = fields.u32()
  const revision = fields.u32()
  const name = fields.text()
  if (
    ringBytesMax === undefined ||
    ringsMax === undefined ||
    pingIntervalMs === undefined ||
    revision === undefined ||
    name === undefined
  ) {
    return 'WELCOME is too short'
  }
  return {
    version: frameX(source.view, at),
    domain: frameY(source.view, at),
    session: frameZ(source.view, at),
    name,
    ringBytesMax,
    ringsMax,
    pingIntervalMs,
    revision,
  }
}

/** Asks for a ring. */
export interface Register {
  readonly requestId: number
  /** 0 picks an ephemeral port. */
  readonly port: number
  /** A domain's number, a TARGET handle, or DOMID_ANY. */
  readonly partner: number
  readonly ringBytes: number
  readonly failExist: boolean
}

export function encodeRegister(register: Register): Uint8Array {
  const flags = register.failExist ? REGISTER_FAIL_EXIST : 0
  const body = new Body().u32(register.ringBytes).u32(register.partner)
  return body.frame(FRAME.REGISTER, flags, 0, register.requestId, register.port)
}

export function decodeRegister(source: FrameBytes, at: number): Register | string {
  const fields = new Fields(source, at)
  const ringBytes = fields.u32()
  const partner = fields.u32()
  if (ringBytes === undefined || partner === undefined) return 'REGISTER is too short'
  if (partner > 0xffff) return 'REGISTER has reserved bits set in its partner'
  const flags = frameFlags(source.view, at)
  if ((flags & ~REGISTER_FAIL_EXIST) !== 0) return 'REGISTER has reserved flags set'
  return {
    requestId: frameY(source.view, at),
    port: frameZ(source.view, at),
    partner,
    ringBytes,
    failExist: (flags & REGISTER_FAIL_EXIST) !== 0,
  }
}

export function encodeUnregister(requestId: number, ring: number): Uint8Array {
  return new Body().frame(FRAME.UNREGISTER, 0, ring, requestId, 0)
}

/** The answer to REGISTER and UNREGISTER. */
export interface Result {
  readonly requestId: number
  /** 0 when it was done. */
  readonly errno: number
  readonly port: number
  readonly ring: number
  readonly ringBytes: number
  /** More than the errno table's sentence, for a person; may be empty. */
  readonly detail: string
}

export function encodeResult(result: Result): Uint8Array {
  const body = new Body().u32(result.ring).u32(result.ringBytes).text(result.detail)
  return body.frame(FRAME.RESULT, 0, result.errno, result.requestId, result.port)
}

export function decodeResult(source: FrameBytes, at: number): Result | string {
  const fields = new Fields(source, at)
  const ring = fields.u32()
  const ringBytes = fields.u32()
  const detail = fields.text()
  if (ring === undefined || ringBytes === undefined || detail === undefined) {
    return 'RESULT is too short'
  }
  return {
    requestId: frameY(source.view, at),
    errno: frameX(source.view, at),
    port: frameZ(source.view, at),
    ring,
    ringBytes,
    detail,
  }
}

/** Gives a name a handle in this session. */
export function encodeTarget(handle: number, name: string): Uint8Array {
  return new Body().text(name).frame(FRAME.TARGET, 0, handle, 0, 0)
}

/** Tells the name of a domain that datagrams are about to come from. */
export function encodeDomain(domain: number, name: string): Uint8Array {
  return new Body().text(name).frame(FRAME.DOMAIN, 0, domain, 0, 0)
}

/** The text of a TARGET or DOMAIN frame; its number is the frame's x. */
export function decodeName(source: FrameBytes, at: number): string | undefined {
  return new Fields(source, at).text()
}

/** NOTIFY flag: send `ring-up` when the ring appears, if it is not there. */
export const NOTIFY_WANT_RING = 0x01

/** Asks about one ring. */
export interface NotifyEntry {
  readonly target: number
  readonly port: number
  readonly spaceRequired: number
  readonly wantRing: boolean
}

/** `sourcePort` is the port that policy is asked about; 0 where the client has none. */
export function encodeNotify(
  requestId: number,
  sourcePort: number,
  entries: readonly NotifyEntry[],
): Uint8Array {
  const body = new Body()
  for (const entry of entries) {
    const flags = entry.wantRing ? NOTIFY_WANT_RING : 0
    body.u16(entry.target).u16(flags).u32(entry.port).u32(entry.spaceRequired).u32(0)
  }
  return body.frame(FRAME.NOTIFY, 0, entries.length, requestId, sourcePort)
}

export function decodeNotify(source: FrameBytes, at: number): NotifyEntry[] | string {
  const { view } = source
  const count = frameX(view, at)
  if (frameLength(view, at) !== FRAME_HEADER_BYTES + count * NOTIFY_ENTRY_BYTES) {
    return `NOTIFY says ${count} entries but is not that long`
  }
  const entries: NotifyEntry[] = []
  for (let i = 0; i < count; i++) {
    const entry = at + FRAME_HEADER_BYTES + i * NOTIFY_ENTRY_BYTES
    const flags = view.getUint16(entry + 2, true)
    if ((flags & ~NOTIFY_WANT_RING) !== 0 || view.getUint32(entry + 12, true) !== 0) {
      return `NOTIFY entry ${i} has reserved bits set`
    }
    entries.push({
      target: view.getUint16(entry, true),
      port: view.getUint32(entry + 4, true),
      spaceRequired: view.getUint32(entry + 8, true),
      wantRing: (flags & NOTIFY_WANT_RING) !== 0,
    })
  }
  return entries
}

/** What was found out about one ring (Argo: struct xen_argo_ring_data_ent). */
export interface NotifiedEntry {
  readonly target: number
  readonly port: number
  /** Argo's XEN_ARGO_RING_* bits. */
  readonly flags: number
  readonly maxMessageBytes: number
  /** Payload bytes that fit now. */
  readonly spaceBytes: number
  /** 0, or why nothing is known. */
  readonly errno: number
}

export function encodeNotified(requestId: number, entries: readonly NotifiedEntry[]): Uint8Array {
  const body = new Body()
  for (const entry of entries) {
    body.u16(entry.target).u16(entry.flags).u32(entry.port).u32(entry.spaceBytes)
    body.u32(entry.maxMessageBytes).u32(entry.errno).u32(0).u32(0).u32(0)
  }
  return body.frame(FRAME.NOTIFIED, 0, entries.length, requestId, 0)
}

export function decodeNotified(source: FrameBytes, at: number): NotifiedEntry[] | string {
  const { view } = source
  const count = frameX(view, at)
  if (frameLength(view, at) !== FRAME_HEADER_BYTES + count * NOTIFIED_ENTRY_BYTES) {
    return `NOTIFIED says ${count} entries but is not that long`
  }
  const entries: NotifiedEntry[] = []
  for (let i = 0; i < count; i++) {
    const entry = at + FRAME_HEADER_BYTES + i * NOTIFIED_ENTRY_BYTES
    entries.push({
      target: view.getUint16(entry, true),
      flags: view.getUint16(entry + 2, true),
      port: view.getUint32(entry + 4, true),
      spaceBytes: view.getUint32(entry + 8, true),
      maxMessageBytes: view.getUint32(entry + 12, true),
      errno: view.getUint32(entry + 16, true),
    })
  }
  return entries
}

/** Something the session should know. */
export interface EventFrame {
  readonly kind: EventKind
  /** Whom it is about: a handle where the client gave one, else a domain's number. */
  readonly target: number
  readonly port: number
  /** space: payload bytes that fit. policy-changed: the revision. Else 0. */
  readonly value: number
}

const eventKinds = new Map<number, EventKind>(
  (Object.keys(EVENT_KIND) as EventKind[]).map(kind => [EVENT_KIND[kind], kind]),
)

export function encodeEvent(event: EventFrame): Uint8Array {
  const kind = EVENT_KIND[event.kind]
  return new Body().frame(FRAME.EVENT, kind, event.target, event.port, event.value)
}

/** @returns the event, or undefined for a kind this version does not know, to be ignored. */
export function decodeEvent(source: FrameBytes, at: number): EventFrame | undefined {
  const kind = eventKinds.get(frameFlags(source.view, at))
  if (kind === undefined) return undefined
  return {
    kind,
    target: frameX(source.view, at),
    port: frameY(source.view, at),
    value: frameZ(source.view, at),
  }
}

/** The last frame of a session that the daemon ends. */
export interface Closing {
  readonly errno: number
  readonly reason: string
}

export function encodeClosing(closing: Closing): Uint8Array {
  return new Body().text(closing.reason).frame(FRAME.CLOSING, 0, closing.errno, 0, 0)
}

export function decodeClosing(source: FrameBytes, at: number): Closing | string {
  const reason = new Fields(source, at).text()
  if (reason === undefined) return 'CLOSING is too short'
  return { errno: frameX(source.view, at), reason }
}

/** PING and PONG; a PONG carries the y and z of its PING. */
export function encodePing(
  type: typeof FRAME.PING | typeof FRAME.PONG,
  y: number,
  z: number,
): Uint8Array {
  return new Body().frame(type, 0, 0, y, z)
}

/** The client's last frame: everything of it may be freed at once. */
export function encodeBye(): Uint8Array {
  return new Body().frame(FRAME.BYE, 0, 0, 0, 0)
}

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
/** What the u16 in front of a text can say. */
const TEXT_BYTES_MAX = 0xffff

/** Collects what follows a frame's header. */
class Body {
  readonly #parts: Uint8Array[] = []
  #length = FRAME_HEADER_BYTES

  u16(value: number): this {
    return this.#push(Uint8Array.of(value & 0xff, value >>> 8))
  }

  u32(value: number): this {
    return this.u16(value & 0xffff).u16(value >>> 16)
  }

  /** A u16 of bytes, then the bytes in UTF-8; what is too long ends with a whole character. */
  text(text: string): this {
    const room = new Uint8Array(Math.min(3 * text.length, TEXT_BYTES_MAX))
    const { written } = encoder.encodeInto(text, room)
    return this.u16(written).#push(room.subarray(0, written))
  }

  frame(type: number, flags: number, x: number, y: number, z: number): Uint8Array {
    const frame = frameBytes(new Uint8Array(roundUpToSlot(this.#length)))
    writeHeader(frame.view, 0, frame.bytes.length, type, flags, x, y, z)
    let at = BODY_AT
    for (const part of this.#parts) {
      frame.bytes.set(part, at)
      at += part.length
    }
    return frame.bytes
  }

  #push(part: Uint8Array): this {
    this.#parts.push(part)
    this.#length += part.length
    return this
  }
}

/** Reads what follows a frame's header, one field after the other; undefined beyond its end. */
class Fields {
  readonly #source: FrameBytes
  readonly #end: number
  #at: number

  constructor(source: FrameBytes, at: number) {
    this.#source = source
    this.#at = at + BODY_AT
    this.#end = at + frameLength(source.view, at)
  }

  u32(): number | undefined {
    const at = this.#take(4)
    return at === undefined ? undefined : this.#source.view.getUint32(at, true)
  }

  text(): string | undefined {
    const lengthAt = this.#take(2)
    if (lengthAt === undefined) return undefined
    const length = this.#source.view.getUint16(lengthAt, true)
    const at = this.#take(length)
    if (at === undefined) return undefined
    try {
      return decoder.decode(this.#source.bytes.subarray(at, at + length))
    } catch {
      return undefined // not UTF-8
    }
  }

  #take(bytes: number): number | undefined {
    const at = this.#at
    if (at + bytes > this.#end) return undefined
    this.#at = at + bytes
    return at
  }
}
