import { assert } from '../util/assert.js'

/**
 * Every bound of v4vd, its unit in its name. The constants are the contract and never change
 * within a protocol version; the `Limits` are what a daemon may be configured to, with defaults.
 * Anything a domain can make grow has an entry here.
 */

/** Every message is padded to this (Argo: XEN_ARGO_MSG_SLOT_SIZE). */
export const SLOT_BYTES = 16
/** In front of every message in a ring (Argo: struct xen_argo_ring_message_header). */
export const MESSAGE_HEADER_BYTES = 16
/** A header, one payload slot and the slot that always stays free. */
export const RING_BYTES_MIN = MESSAGE_HEADER_BYTES + 2 * SLOT_BYTES
/** The largest ring Argo can really register: 16 MiB less its 64-byte ring header. */
export const RING_BYTES_MAX = 0x1000000 - 64
/** The largest payload that fits the largest ring. */
export const MESSAGE_BYTES_MAX = RING_BYTES_MAX - MESSAGE_HEADER_BYTES - SLOT_BYTES
/** Buffers in one sendv (Argo: XEN_ARGO_MAXIOV). */
export const IOVS_MAX = 8
/** Entries in one notify (Argo: MAX_NOTIFY_COUNT). */
export const NOTIFY_ENTRIES_MAX = 256
/** A frame header; every frame is a multiple of this long. */
export const FRAME_HEADER_BYTES = 16
/** Frame header and fixed part of SEND. */
export const SEND_HEADER_BYTES = 32
/** One SEND that carries the largest message. */
export const FRAME_BYTES_MAX =
  SEND_HEADER_BYTES + MESSAGE_HEADER_BYTES + roundUpToSlot(MESSAGE_BYTES_MAX)
/** The largest frame before a session is authenticated: a HELLO. */
export const HELLO_BYTES_MAX = 1024
/** A domain's name, in ASCII characters. */
export const NAME_CHARS_MAX = 63
/** Fragments of one WebSocket message: see CVE-2026-48779 for why they are bounded. */
export const WEBSOCKET_FRAGMENTS_MAX = 8
/** Chunks kept of a WebSocket message that is not whole. */
export const WEBSOCKET_CHUNKS_MAX = 1024
/** Names one session may address (TARGET handles 0x8000 and up). */
export const TARGETS_PER_SESSION_MAX = 0x8000
/** Tags on one domain: also bounds the cost of a policy decision. */
export const TAGS_PER_DOMAIN_MAX = 16

/** What a daemon may be configured to. */
export interface Limits {
  /** Domains a daemon knows. */
  readonly domainsMax: number
  /** Rings of one domain (Argo: MAX_RINGS_PER_DOMAIN). */
  readonly ringsPerDomainMax: number
  /** Sum of the lengths of one domain's rings. */
  readonly ringBytesPerDomainMax: number
  /** Sessions of one domain at a time. */
  readonly sessionsPerDomainMax: number
  /** Sessions of all domains at a time. */
  readonly sessionsMax: number
  /** Connections that have not said who they are, of all and of those by one domain's own socket. */
  readonly connectionsUnauthenticatedMax: number
  readonly connectionsUnauthenticatedPerDomainMax: number
  /** Names that the sessions of one domain have given handles to. */
  readonly targetsPerDomainMax: number
  /** Senders waiting for space in one ring (Argo: MAX_PENDING_PER_RING, there 32). */
  readonly waitersPerRingMax: number
  /** Rings a session may wait for that are not there yet. */
  readonly absentWaitersPerSessionMax: number
  /** Bytes waiting for a client that does not read, rings aside, before its session ends. */
  readonly sessionOutputBytesMax: number
  /** Parts of frames that have not arrived whole, over all sessions of a domain. */
  readonly partialFrameBytesPerDomainMax: number
  /** Rings of one session that can lie in memory shared with it; the pages are taken when used. */
  readonly sharedMemoryBytesPerSession: number
  /** All memory shared with the sessions of one domain; a session beyond it keeps to its socket. */
  readonly sharedMemoryBytesPerDomainMax: number
  /** The same of all domains together. */
  readonly sharedMemoryBytesMax: number
  /** Flows that have a token bucket of their own, of all domains and of one as the source. */
  readonly flowBucketsMax: number
  readonly flowBucketsPerDomainMax: number
  /** Senders waiting for tokens of a rate, of all domains and of one. */
  readonly rateWaitersMax: number
  readonly rateWaitersPerDomainMax: number
  /** Flows that wait for an operator or were just denied, of all domains and of one as the source. */
  readonly asksMax: number
  readonly asksPerDomainMax: number
  /** How long a flow waits for an operator. */
  readonly askTimeoutMs: number
  /** Admissions by operators in force. */
  readonly grantsMax: number
  /** Flows that are counted between two times they are written down, of all domains and of one. */
  readonly flowMetersMax: number
  readonly flowMetersPerDomainMax: number
  /** File of what became of flows; with 0 there is none. */
  readonly flowHistoryBytesMax: number
  /** How long that is kept. */
  readonly flowHistoryAgeMs: number
  /** Rules in the table. */
  readonly rulesMax: number
  /** A REST body. */
  readonly requestBytesMax: number
  /** A REST body with a whole policy. */
  readonly policyBytesMax: number
  /** Refusals kept for whoever looks at the flow log. */
  readonly flowRecordsMax: number
  /** Ends of sessions kept for whoever looks, those for one cause as one: of all, and of one domain. */
  readonly disconnectsMax: number
  readonly disconnectsPerDomainMax: number
  /** Ends of one domain for one cause that are no further apart are counted as one. */
  readonly disconnectWindowMs: number
  /** From connecting to being authenticated. */
  readonly authenticationTimeoutMs: number
  /** Between pings; a session that misses two ends. */
  readonly pingIntervalMs: number
}

export const defaultLimits: Limits = {
  domainsMax: 16_384,
  ringsPerDomainMax: 128,
  ringBytesPerDomainMax: 64 * 1024 * 1024,
  sessionsPerDomainMax: 64,
  sessionsMax: 16_384,
  connectionsUnauthenticatedMax: 1_024,
  connectionsUnauthenticatedPerDomainMax: 64,
  targetsPerDomainMax: 65_536,
  waitersPerRingMax: 256,
  absentWaitersPerSessionMax: 256,
  sessionOutputBytesMax: 4 * 1024 * 1024,
  partialFrameBytesPerDomainMax: 64 * 1024 * 1024,
  sharedMemoryBytesPerSession: 24 * 1024 * 1024,
  sharedMemoryBytesPerDomainMax: 256 * 1024 * 1024,
  sharedMemoryBytesMax: 4 * 1024 * 1024 * 1024,
  flowBucketsMax: 65_536,
  flowBucketsPerDomainMax: 8_192,
  rateWaitersMax: 4_096,
  rateWaitersPerDomainMax: 256,
  asksMax: 1_024,
  asksPerDomainMax: 16,
  askTimeoutMs: 30_000,
  grantsMax: 1_024,
  flowMetersMax: 65_536,
  flowMetersPerDomainMax: 16_384,
  flowHistoryBytesMax: 64 * 1024 * 1024,
  flowHistoryAgeMs: 7 * 24 * 60 * 60 * 1_000,
  rulesMax: 100_000,
  requestBytesMax: 1024 * 1024,
  policyBytesMax: 8 * 1024 * 1024,
  flowRecordsMax: 4_096,
  disconnectsMax: 4_096,
  disconnectsPerDomainMax: 64,
  disconnectWindowMs: 60_000,
  authenticationTimeoutMs: 2_000,
  pingIntervalMs: 15_000,
}

/** The next multiple of a slot: 0 stays 0, 1..16 is 16 (Argo: XEN_ARGO_ROUNDUP). */
export function roundUpToSlot(bytes: number): number {
  return (bytes + (SLOT_BYTES - 1)) & ~(SLOT_BYTES - 1)
}

assert(RING_BYTES_MAX % SLOT_BYTES === 0, 'the largest ring is whole slots')
assert(FRAME_HEADER_BYTES === SLOT_BYTES, 'slots behind a frame header stay aligned')
assert(SEND_HEADER_BYTES % SLOT_BYTES === 0, 'slots behind a SEND header stay aligned')
assert(FRAME_BYTES_MAX < 2 ** 31, 'a frame length fits a signed 32-bit integer')
assert(
  defaultLimits.ringBytesPerDomainMax >= RING_BYTES_MAX,
  'a domain may register the largest ring',
)
assert(
  defaultLimits.targetsPerDomainMax >= TARGETS_PER_SESSION_MAX,
  'a session may name all that it has handles for',
)
assert(
  defaultLimits.partialFrameBytesPerDomainMax >= FRAME_BYTES_MAX,
  'a domain may send the largest message',
)
