import { RING_BYTES_MAX, RING_BYTES_MIN, roundUpToSlot } from '../abi/limits.js'
import { quote } from '../abi/addr.js'
import { V4vError } from './errors.js'

const units = new Map([
  ['', 1],
  ['B', 1],
  ['KiB', 1024],
  ['MiB', 1024 * 1024],
])
const pattern = /^([0-9]{1,10}) ?(B|KiB|MiB)?$/

/**
 * Reads a ring's length: a number of bytes, or text such as `64KiB` or `1MiB`. It is rounded up
 * to whole slots; `16MiB` stands for the largest ring, which is 64 bytes smaller.
 * @throws V4vError EINVAL
 */
export function ringBytesOf(size: number | string): number {
  const bytes = typeof size === 'number' ? size : bytesOfText(size)
  if (bytes === RING_BYTES_MAX + 64) return RING_BYTES_MAX
  if (!Number.isInteger(bytes) || bytes < RING_BYTES_MIN || bytes > RING_BYTES_MAX) {
    throw new V4vError(
      'EINVAL',
      `a ring has ${RING_BYTES_MIN} to ${RING_BYTES_MAX} bytes, not ${quote(String(size))}`,
    )
  }
  return roundUpToSlot(bytes)
}

function bytesOfText(text: string): number {
  const match = pattern.exec(text)
  return match === null ? NaN : Number(match[1]) * units.get(match[2] ?? '')!
}
