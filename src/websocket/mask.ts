import { createRequire } from 'node:module'
import { randomFillSync } from 'node:crypto'

/** What is used of bufferutil, which does it several times as fast. */
interface BufferUtil {
  mask(source: Uint8Array, key: Uint8Array, target: Uint8Array, at: number, length: number): void
}

/** Below this many bytes a call into bufferutil costs more than it saves. */
const NATIVE_BYTES_MIN = 64
/** Fewer are not worth a view of words. */
const WORDS_BYTES_MIN = 8
/** Random bytes that are made at once. */
const POOL_BYTES = 4096

const native = load()
const pool = new Uint8Array(POOL_BYTES)
let poolAt = POOL_BYTES

/** A new masking key, which nobody can foresee (RFC 6455 section 5.3), as four bytes. */
export function maskingKey(): Uint8Array {
  if (poolAt === POOL_BYTES) {
    randomFillSync(pool)
    poolAt = 0
  }
  poolAt += 4
  return pool.slice(poolAt - 4, poolAt)
}

/** A key as it continues `bytes` bytes further on in the payload. */
export function rotateKey(key: Uint8Array, bytes: number): Uint8Array {
  return Uint8Array.from(key, (_, i) => key[(i + bytes) & 3]!)
}

/**
 * Masks bytes, or unmasks them, which is the same: writes the bytes from `start` to `end` of the
 * source to `at` in the target. Both may be the same bytes at the same place.
 */
export function mask(
  source: Uint8Array,
  start: number,
  end: number,
  target: Uint8Array,
  at: number,
  key: Uint8Array,
): void {
  const length = end - start
  if (native !== undefined && length >= NATIVE_BYTES_MIN) {
    native.mask(source.subarray(start, end), key, target, at, length)
    return
  }
  maskByHand(source, start, end, target, at, key)
}

/** `mask` where bufferutil is not there: by words as far as the target's bytes are aligned. */
export function maskByHand(
  source: Uint8Array,
  start: number,
  end: number,
  target: Uint8Array,
  at: number,
  key: Uint8Array,
): void {
  const length = end - start
  if (source !== target || start !== at) target.set(source.subarray(start, end), at)
  const byteOffset = target.byteOffset + at
  const head = length < WORDS_BYTES_MIN ? length : -byteOffset & 3
  for (let i = 0; i < head; i++) target[at + i]! ^= key[i & 3]!
  if (head === length) return
  const wordCount = (length - head) >>> 2
  const words = new Int32Array(target.buffer, byteOffset + head, wordCount)
  const [wordKey] = new Int32Array(rotateKey(key, head).buffer)
  maskWords(words, wordKey!)
  for (let i = head + wordCount * 4; i < length; i++) target[at + i]! ^= key[i & 3]!
}

function maskWords(words: Int32Array, key: number): void {
  let i = 0
  for (const whole = words.length - 7; i < whole; i += 8) {
    words[i]! ^= key
    words[i + 1]! ^= key
    words[i + 2]! ^= key
    words[i + 3]! ^= key
    words[i + 4]! ^= key
    words[i + 5]! ^= key
    words[i + 6]! ^= key
    words[i + 7]! ^= key
  }
  for (; i < words.length; i++) words[i]! ^= key
}

/** bufferutil is an optional dependency, as it is of ws; the variable is the one ws knows. */
function load(): BufferUtil | undefined {
  if (process.env['WS_NO_BUFFER_UTIL'] !== undefined) return undefined
  try {
    return createRequire(import.meta.url)('bufferutil') as BufferUtil
  } catch {
    return undefined
  }
}
