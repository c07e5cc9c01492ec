import { randomFillSync } from 'node:crypto'
import type { Limits } from '../abi/limits.js'
import {
  NONCE_WORDS,
  SHARED_BYTES_MAX,
  SHARED_CHUNKS,
  SHARED_PAGE_BYTES,
  sharedLayout,
  sharedMemory,
  writeNonce,
  type SharedLayout,
  type SharedMemory,
} from '../abi/shared-memory.js'
import { Arena } from '../hypervisor/arena.js'
import type { Domain } from '../hypervisor/domain.js'
import { refusal, type Refusal } from '../hypervisor/outcome.js'
import type { RingMemory, RingPlace } from '../hypervisor/ring-memory.js'
import { NativeError, type Mapping, type Native } from '../native/native.js'

/** Makes the memory that sessions share with their clients, and counts it against their domains. */
export class SharedSegments {
  readonly #native: Native | undefined
  readonly #limits: Limits
  readonly #layout: SharedLayout
  readonly #bytes = new WeakMap<Domain, number>()

  /** @param native undefined: no memory is shared. */
  constructor(native: Native | undefined, limits: Limits) {
    this.#native = native
    this.#limits = limits
    const ringBytes = limits.sharedMemoryBytesPerSession
    const roundBytes = ringBytes - (ringBytes % SHARED_PAGE_BYTES)
    const chunkBytes = sharedLayout(SHARED_CHUNKS, SHARED_PAGE_BYTES).bytes
    this.#layout = sharedLayout(SHARED_CHUNKS, Math.min(roundBytes, SHARED_BYTES_MAX - chunkBytes))
  }

  /** Length of one session's segment. */
  get segmentBytes(): number {
    return this.#layout.bytes
  }

  /** Makes a segment for a session of a domain; EOPNOTSUPP or ENOSPC when there is none. */
  open(domain: Domain): { readonly ok: true; readonly segment: SharedSegment } | Refusal {
    const native = this.#native
    if (native === undefined) return refusal('EOPNOTSUPP', 'no memory is shared here')
    const { bytes } = this.#layout
    const { sharedMemoryBytesPerDomainMax } = this.#limits
    const before = this.#bytes.get(domain) ?? 0
    if (before + bytes > sharedMemoryBytesPerDomainMax) {
      return refusal(
        'ENOSPC',
        `a domain shares at most ${sharedMemoryBytesPerDomainMax} bytes of memory`,
      )
    }
    try {
      const segment = openSegment(native, this.#layout, () =>
        this.#bytes.set(domain, this.#bytes.get(domain)! - bytes),
      )
      this.#bytes.set(domain, before + bytes)
      return { ok: true, segment }
    } catch (error) {
      if (!(error instanceof NativeError)) throw error
      return refusal('EOPNOTSUPP', `memory can not be shared: ${error.message}`)
    }
  }
}

function openSegment(native: Native, layout: SharedLayout, onRelease: () => void): SharedSegment {
  const fd = native.memfdCreate('v4v', layout.bytes)
  try {
    // Without this a client could cut the file, and a look at what is gone would kill the daemon.
    native.sealLength(fd)
    return new SharedSegment(native, fd, native.map(fd, layout.bytes), layout, onRelease)
  } catch (error) {
    native.close(fd)
    throw error
  }
}

/** The memory of one session, which it alone shares with the daemon. */
export class SharedSegment implements RingMemory {
  readonly layout: SharedLayout
  readonly memory: SharedMemory
  /** By which the client sees that it has opened this and nothing else. */
  readonly nonce: readonly number[] = [...randomFillSync(new Uint32Array(NONCE_WORDS))]
  readonly #native: Native
  readonly #mapping: Mapping
  readonly #arena: Arena
  readonly #onRelease: () => void
  #fd: number | undefined
  #isReleased = false

  constructor(
    native: Native,
    fd: number,
    mapping: Mapping,
    layout: SharedLayout,
    onRelease: () => void,
  ) {
    this.#native = native
    this.#fd = fd
    this.#mapping = mapping
    this.#onRelease = onRelease
    this.layout = layout
    this.memory = sharedMemory(mapping.bytes)
    this.#arena = new Arena(layout.ringsAt, layout.bytes - layout.ringsAt, SHARED_PAGE_BYTES)
    writeNonce(this.memory, this.nonce)
  }

  /** The file's descriptor in this process, until it is closed. */
  get fd(): number | undefined {
    return this.#fd
  }

  /** Closes the file: whoever has not opened it can't any more. */
  closeFile(): void {
    if (this.#fd !== undefined) this.#native.close(this.#fd)
    this.#fd = undefined
  }

  take(bytes: number): RingPlace | undefined {
    const offset = this.#arena.take(bytes)
    if (offset === undefined) return undefined
    return {
      bytes: this.memory.bytes.subarray(offset, offset + bytes),
      offset,
      release: () => {
        this.#mapping.remove(offset, this.#arena.size(bytes))
        this.#arena.give(offset, bytes)
      },
    }
  }

  /** Lets go of the memory, which the client keeps for as long as it is there. */
  release(): void {
    if (this.#isReleased) return
    this.#isReleased = true
    this.closeFile()
    this.#mapping.release()
    this.#onRelease()
  }
}
