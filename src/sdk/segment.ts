import { closeSync, constants, fstatSync, openSync, readlinkSync } from 'node:fs'
import type { Shared } from '../abi/share-frame.js'
import {
  hasNonce,
  sharedLayoutOf,
  sharedMemory,
  type SharedLayout,
  type SharedMemory,
} from '../abi/shared-memory.js'
import type { Native } from '../native/native.js'

/** Memory shared with the daemon. */
export interface Segment {
  readonly memory: SharedMemory
  readonly layout: SharedLayout
  /** Gives the memory back; who still looks at it sees nothing in it. */
  readonly release: () => void
}

/**
 * Maps the memory that a daemon offers, which is open in its process.
 * @throws Error with a sentence, where that is not to be had from here: the daemon runs as another
 *   user, say, or does not share its process numbers with this one.
 */
export function mapSegment(native: Native, shared: Shared): Segment {
  const { pid, fd: theirs, segmentBytes, chunks, nonce } = shared
  const layout = sharedLayoutOf(segmentBytes, chunks)
  if (layout === undefined) throw new Error('the memory that the daemon offers has no known layout')
  const path = `/proc/${pid}/fd/${theirs}`
  // In another container that number may be of any process, and opening any file may do something.
  if (!readlinkSync(path).startsWith('/memfd:')) throw new Error(`${path} is not memory`)
  const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK | constants.O_NOCTTY)
  try {
    const { size } = fstatSync(fd)
    // Beyond the end of a file that is shorter there is nothing to be read but a signal.
    if (size !== segmentBytes) throw new Error(`${path} has ${size} bytes, not ${segmentBytes}`)
    const mapping = native.map(fd, segmentBytes)
    const memory = sharedMemory(mapping.bytes)
    if (hasNonce(memory, nonce)) return { memory, layout, release: () => mapping.release() }
    mapping.release()
    throw new Error(`${path} is not the memory that the daemon offers`)
  } finally {
    closeSync(fd)
  }
}
