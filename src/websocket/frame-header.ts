/** The first byte of a frame that is a whole binary message: FIN and opcode 2 (RFC 6455, 5.2). */
export const WHOLE_BINARY = 0x82
/** In the first byte: the last frame of a message. */
export const FIN = 0x80
/** In the first byte: what the frame is; below 8 it belongs to a message. */
export const OPCODE = 0x0f
export const CONTROL_OPCODE_MIN = 8
/** In the second byte: the payload is masked, by the key in the header's last four bytes. */
export const MASKED = 0x80
/** The longest header there is. */
export const HEADER_BYTES_MAX = 14
const KEY_BYTES = 4
/** Payload lengths in the second byte that say that the length follows in 2 or 8 bytes. */
const LENGTH_16 = 126
const LENGTH_64 = 127

/** The header of a frame that is a whole binary message. */
export function binaryHeader(length: number, key?: Uint8Array): Uint8Array {
  const long = length < LENGTH_16 ? 0 : length < 0x10000 ? 2 : 8
  const header = new Uint8Array(2 + long + (key === undefined ? 0 : KEY_BYTES))
  const view = new DataView(header.buffer)
  header[0] = WHOLE_BINARY
  header[1] = long === 0 ? length : long === 2 ? LENGTH_16 : LENGTH_64
  if (long === 2) view.setUint16(2, length)
  if (long === 8) view.setBigUint64(2, BigInt(length))
  if (key !== undefined) {
    header[1]! |= MASKED
    header.set(key, 2 + long)
  }
  return header
}

/** Bytes of the header that starts with these two. */
export function headerBytes(second: number): number {
  const length = second & 0x7f
  const long = length === LENGTH_64 ? 8 : length === LENGTH_16 ? 2 : 0
  return 2 + long + ((second & MASKED) === 0 ? 0 : KEY_BYTES)
}

/** Payload bytes that a whole header tells of; beyond 2^53 it is not exact. */
export function payloadLength(header: DataView): number {
  const length = header.getUint8(1) & 0x7f
  if (length === LENGTH_16) return header.getUint16(2)
  return length === LENGTH_64 ? Number(header.getBigUint64(2)) : length
}
