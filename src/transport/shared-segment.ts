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

/** A segment, or why there is none. */
export type SegmentOutcome = { readonly ok: true; readonly segment: SharedSegment } | Refusal

/** Makes the memory that sessions share with their clients, and counts it against their domains. */
export class SharedSegments {
  readonly #native: Native | undefined
  readonly #limits: Limits
  readonly #layout: SharedLayout
  readonly #bytes = new WeakMap<Domain, number>()
  #bytesOfAll = 0

  /** @param native undefined: no memory is shared. */
  constructor(native: Native | undefined, limits: Limits) {
    this.#native = native
    this.#limits = limits
    const ringBytes = limits.sharedMemoryBytesPerSession
    const roundBytes = ringBytes - (ringBytes % SHARED_PAGE_BYTES)
    const chunkBytes = sharedLayout(SHARED_CHUNKS, SHARED_PAGE_BYTES).bytes
    this.#layout = sharedLayout(SHARED_CHUNKS, Math.min(roundBytes, SHARED_BYTES_MAX - chunkBytes))
  }

  /** Makes a segment that another process can open; EOPNOTSUPP or ENOSPC when there is none. */
  open(domain: Domain): SegmentOutcome {
    const native = this.#native
    if (native === undefined) return refusal('EOPNOTSUPP', 'no memory is shared here')
    try {
      return this.#charged(domain, onRelease => openFile(native, this.#layout, onRelease))
    } catch (error) {
      if (!(error instanceof NativeError)) throw error
      return refusal('EOPNOTSUPP', `memory can not be shared: ${error.message}`)
    }
  }

  /** Makes a segment for a thread of this process; ENOSPC when there is none. */
  openForThread(
    domain: Domain,
  ):
    | { readonly ok: true; readonly segment: SharedSegment; readonly buffer: SharedArrayBuffer }
    | Refusal {
    const buffer = new SharedArrayBuffer(this.#layout.bytes)
    const bytes = new Uint8Array(buffer)
    const mapping = { bytes, remove: () => undefined, release: () => undefined }
    const outcome = this.#charged(
      domain,
      onRelease => new SharedSegment(mapping, undefined, this.#layout, onRelease),
    )
    return outcome.ok ? { ...outcome, buffer } : outcome
  }

  #charged(domain: Domain, make: (onRelease: () => void) => SharedSegment): SegmentOutcome {
    const { bytes } = this.#layout
    const { sharedMemoryBytesPerDomainMax: bytesMax, sharedMemoryBytesMax } = this.#limits
    const before = this.#bytes.get(domain) ?? 0
    if (before + bytes > bytesMax) {
      return refusal('ENOSPC', `a domain shares at most ${bytesMax} bytes of memory`)
    }
    if (this.#bytesOfAll + bytes > sharedMemoryBytesMax) {
      return refusal('ENOSPC', `all domains together share at most ${sharedMemoryBytesMax} bytes`)
    }
    const segment = make(() => this.#charge(domain, -bytes))
    this.#charge(domain, bytes)
    return { ok: true, segment }
  }

  #charge(domain: Domain, bytes: number): void {
    this.#bytes.set(domain, (this.#bytes.get(domain) ?? 0) + bytes)
    this.#bytesOfAll += bytes
  }
}

function openFile(native: Native, layout: SharedLayout, onRelease: () => void): SharedSegment {
  const fd = native.memfdCreate('v4v', layout.bytes)
  const file = { fd, close: () => native.close(fd) }
  try {
    // Without this a client could cut the file, and a look at what is gone would kill the daemon.
    native.sealLength(fd)
    return new SharedSegment(native.map(fd, layout.bytes), file, layout, onRelease)
  } catch (error) {
    file.close()
    throw error
  }
}

/** What a segment is opened by. */
interface SegmentFile {
  /** Its descriptor in this process. */
  readonly fd: number
  close(): void
}

/** The memory of one session, which it alone shares with the daemon. */
export class SharedSegment implements RingMemory {
  readonly layout: SharedLayout
  readonly memory: SharedMemory
  /** By which the client sees that it has opened this and nothing else. */
  readonly nonce: readonly number[] = [...randomFillSync(new Uint32Array(NONCE_WORDS))]
  readonly #mapping: Mapping
  readonly #arena: Arena
  readonly #onRelease: () => void
  #file: SegmentFile | undefined
  #isReleased = false

  /** @param onRelease called once, when the daemon has let go of the memory. */
  constructor(
    mapping: Mapping,
    file: SegmentFile | undefined,
    layout: SharedLayout,
    onRelease: () => void,
  ) {
    this.#mapping = mapping
    this.#file = file
    this.#onRelease = onRelease
    this.layout = layout
    this.memory = sharedMemory(mapping.bytes)
    this.#arena = new Arena(layout.ringsAt, layout.bytes - layout.ringsAt, SHARED_PAGE_BYTES)
    writeNonce(this.memory, this.nonce)
  }

  /** The file's descriptor in this process, until it is closed. */
  get fd(): number | undefined {
    return this.#file?.fd
  }

  /** Closes the file: whoever has not opened it can't any more. */
  closeFile(): void {
    this.#file?.close()
    this.#file = undefined
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
