/**
 * The buffers in a plain value that are one array's alone, so that another thread can have them
 * and nothing has to be copied. They are gone from the thread that hands them over.
 */
export function ownBuffers(value: unknown): ArrayBuffer[] {
  if (typeof value !== 'object' || value === null) return []
  if (!ArrayBuffer.isView(value)) return Object.values(value).flatMap(ownBuffers)
  const { buffer, byteLength } = value
  // A small Buffer is a part of a pool that others have parts of too.
  return buffer instanceof ArrayBuffer && byteLength === buffer.byteLength ? [buffer] : []
}
