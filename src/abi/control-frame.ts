import {
  EVENT_KIND,
  type EventKind,
  FRAME,
  type FrameBytes,
  frameFlags,
  frameLength,
  frameX,
  frameY,
  frameZ,
  HELLO_MAGIC,
  NOTIFIED_ENTRY_BYTES,
  NOTIFY_ENTRY_BYTES,
  REGISTER_FAIL_EXIST,
} from './frame.js'
import { FrameBody, FrameFields } from './frame-body.js'
import { FRAME_HEADER_BYTES } from './limits.js'

/**
 * The frames besides the data path. Each has an encoder that gives bytes of their own, and a
 * decoder that trusts the length, which the reader has checked, and checks all the rest.
 */

/** Who a client says it is. */
export interface Hello {
  readonly version: number
  /** Empty where the socket itself is the identity. */
  readonly token: string
  /** Name and version of the client's software, for people who look at sessions. */
  readonly agent: string
}

export function encodeHello(hello: Hello): Uint8Array {
  const body = new FrameBody().text(hello.token).text(hello.agent)
  return body.frame(FRAME.HELLO, 0, hello.version, HELLO_MAGIC, 0)
}

/** @returns the hello, or a sentence that says what is wrong with it. */
export function decodeHello(source: FrameBytes, at: number): Hello | string {
  if (frameY(source.view, at) !== HELLO_MAGIC) return 'HELLO does not carry the magic number'
  const fields = new FrameFields(source, at)
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
  const body = new FrameBody()
    .u32(welcome.ringBytesMax)
    .u32(welcome.ringsMax)
    .u32(welcome.pingIntervalMs)
    .u32(welcome.revision)
    .text(welcome.name)
  return body.frame(FRAME.WELCOME, 0, welcome.version, welcome.domain, welcome.session)
}

export function decodeWelcome(source: FrameBytes, at: number): Welcome | string {
  const fields = new FrameFields(source, at)
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
  const body = new FrameBody().u32(register.ringBytes).u32(register.partner)
  return body.frame(FRAME.REGISTER, flags, 0, register.requestId, register.port)
}

export function decodeRegister(source: FrameBytes, at: number): Register | string {
  const fields = new FrameFields(source, at)
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
  return new FrameBody().frame(FRAME.UNREGISTER, 0, ring, requestId, 0)
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
  const body = new FrameBody().u32(result.ring).u32(result.ringBytes).text(result.detail)
  return body.frame(FRAME.RESULT, 0, result.errno, result.requestId, result.port)
}

export function decodeResult(source: FrameBytes, at: number): Result | string {
  const fields = new FrameFields(source, at)
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
  return new FrameBody().text(name).frame(FRAME.TARGET, 0, handle, 0, 0)
}

/** Tells the name of a domain that datagrams are about to come from. */
export function encodeDomain(domain: number, name: string): Uint8Array {
  return new FrameBody().text(name).frame(FRAME.DOMAIN, 0, domain, 0, 0)
}

/** The text of a TARGET or DOMAIN frame; its number is the frame's x. */
export function decodeName(source: FrameBytes, at: number): string | undefined {
  return new FrameFields(source, at).text()
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
  const body = new FrameBody()
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
  const body = new FrameBody()
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
  return new FrameBody().frame(FRAME.EVENT, kind, event.target, event.port, event.value)
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
  return new FrameBody().text(closing.reason).frame(FRAME.CLOSING, 0, closing.errno, 0, 0)
}

export function decodeClosing(source: FrameBytes, at: number): Closing | string {
  const reason = new FrameFields(source, at).text()
  if (reason === undefined) return 'CLOSING is too short'
  return { errno: frameX(source.view, at), reason }
}

/** PING and PONG; a PONG carries the y and z of its PING. */
export function encodePing(
  type: typeof FRAME.PING | typeof FRAME.PONG,
  y: number,
  z: number,
): Uint8Array {
  return new FrameBody().frame(type, 0, 0, y, z)
}

/** The client's last frame: everything of it may be freed at once. */
export function encodeBye(): Uint8Array {
  return new FrameBody().frame(FRAME.BYE, 0, 0, 0, 0)
}
