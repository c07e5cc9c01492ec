/** JSON in UTF-8: what a thread has written is handed over as it is, where a string would be copied. */
export type JsonBytes = Uint8Array

const encoder = new TextEncoder()

/** Writes a value as JSON. */
export function jsonBytes(value: unknown): JsonBytes {
  return encoder.encode(JSON.stringify(value))
}
