import type { Addr, DomainId, Port } from './addr.js'
import { MESSAGE_HEADER_BYTES, roundUpToSlot } from './limits.js'

/**
 * The 16 bytes in front of every message, little-endian, as in Argo's
 * struct xen_argo_ring_message_header (public/argo.h):
 *
 *     0  u32  len           payload bytes + 16
 *     4  u32  source port
 *     8  u16  source domain
 *    10  u16  zero
 *    12  u32  message type
 */
export interface MessageHeader {
  /** Payload bytes. */
  readonly bytes: number
  readonly source: Addr
  /** One of MESSAGE_TYPES. */
  readonly type: number
}

export const MESSAGE_LEN_AT = 0
export const MESSAGE_PORT_AT = 4
export const MESSAGE_DOMAIN_AT = 8
export const MESSAGE_TYPE_AT = 12

/** What a message of so many payload bytes takes in a ring: its header and its padded payload. */
export function messageSlotsBytes(payloadBytes: number): number {
  return MESSAGE_HEADER_BYTES + roundUpToSlot(payloadBytes)
}

/** Writes a header at `at`; the caller has made sure that 16 bytes are there. */
export function encodeMessageHeader(target: DataView, at: number, header: MessageHeader): void {
  target.setUint32(at + MESSAGE_LEN_AT, header.bytes + MESSAGE_HEADER_BYTES, true)
  target.setUint32(at + MESSAGE_PORT_AT, header.source.port, true)
  target.setUint32(at + MESSAGE_DOMAIN_AT, header.source.domain, true)
  target.setUint32(at + MESSAGE_TYPE_AT, header.type, true)
}

/** Reads a header at `at`. The length is what was written, not checked against anything. */
export function decodeMessageHeader(source: DataView, at: number): MessageHeader {
  return {
    bytes: source.getUint32(at + MESSAGE_LEN_AT, true) - MESSAGE_HEADER_BYTES,
    source: {
      domain: source.getUint16(at + MESSAGE_DOMAIN_AT, true) as DomainId,
      port: source.getUint32(at + MESSAGE_PORT_AT, true) as Port,
    },
    type: source.getUint32(at + MESSAGE_TYPE_AT, true),
  }
}
