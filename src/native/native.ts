/**
 * The few system calls that Node has not: memory shared between processes, giving way to another
 * process, which processors a thread keeps to, and how much of what is written a socket holds. Only
 * on Linux, and only where the optional package koffi can be loaded; everything works without.
 */
export interface Native {
  /**
   * Makes a file in memory that can be sealed, closed on exec.
   * @returns its descriptor.
   */
  memfdCreate(name: string, bytes: number): number
  /** Has a file of memfdCreate keep its length, for whoever has it open, for ever. */
  sealLength(fd: number): void
  /** Maps the first `bytes` of a file, to be read and written, shared with whoever else maps it. */
  map(fd: number, bytes: number): Mapping
  close(fd: number): void
  /** Lets another process run that waits for this processor; returns at once where none does. */
  yieldProcessor(): void
  /**
   * Has a thread of this process leave one processor to others: the first of those that the first
   * thread of the process may run on. Where that may run on one only, nothing is done, and neither
   * is where the system does not let it.
   * @param thread its number.
   */
  leaveProcessor(thread: number): void
  /**
   * Has the system hold more of what is written to a socket and not read: so many bytes, or as many
   * as it lets a socket have.
   * @param fd of the socket; of anything else, nothing is done.
   */
  setSendBuffer(fd: number, bytes: number): void
  /**
   * Who was at the other end of a Unix socket when it was connected.
   * @param fd of the socket.
   * @returns undefined for anything else, and for a process that this one can't see.
   */
  peerOf(fd: number): Peer | undefined
}

/** A process and its user. */
export interface Peer {
  readonly pid: number
  readonly uid: number
}

/** Memory of `map`. It stays mapped while anything refers to `bytes` or another view of it. */
export interface Mapping {
  readonly bytes: Uint8Array
  /**
   * Gives whole pages back to the system, if they are pages where this runs: they are zero from
   * then on, for everybody.
   * @param offset and `length` are multiples of 4096.
   */
  remove(offset: number, length: number): void
  /**
   * Lets go of the file at once, which the system frees when nobody else has it. What refers to
   * `bytes` can go on doing so, and sees memory of this process alone that nothing is in. Where
   * the system can't do that (no more files may be opened) it lets go when nothing refers to it.
   */
  release(): void
}

/** A system call that failed. */
export class NativeError extends Error {
  override readonly name = 'NativeError'
}

/** Set to `off`, nothing native is loaded. */
const SWITCH = 'V4V_NATIVE'

// Linux's numbers; the same on x86-64 and arm64, the only machines this is loaded on.
const MFD_CLOEXEC = 0x1
const MFD_ALLOW_SEALING = 0x2
const F_ADD_SEALS = 1033
const F_SEAL_SEAL = 0x1
const F_SEAL_SHRINK = 0x2
const F_SEAL_GROW = 0x4
const PROT_READ_WRITE = 0x3
const MAP_SHARED = 0x1
const MAP_FIXED = 0x10
/** MAP_FAILED, and the sign of an address that is none. */
const MAP_FAILED = -1n
const MADV_REMOVE = 9
const SOL_SOCKET = 1
const SO_SNDBUF = 7
const SO_PEERCRED = 17
/** Of the set of processors of a thread, a bit for each: more than any machine has. */
const PROCESSOR_SET_BYTES = 1024

let loading: Promise<Native | undefined> | undefined

/**
 * The native calls, loaded at the first call; undefined where they are not to be had or are
 * switched off by V4V_NATIVE=off.
 */
export function loadNative(): Promise<Native | undefined> {
  if (process.env[SWITCH] === 'off') return Promise.resolve(undefined)
  loading ??= load().catch(() => undefined)
  return loading
}

type Call = (...args: readonly unknown[]) => unknown

/** What of koffi is used; its own types let everything through. */
interface Koffi {
  load(path: null): { func(definition: string): Call }
  view(pointer: unknown, bytes: number): ArrayBuffer
  errno(): number
}

async function load(): Promise<Native | undefined> {
  if (process.platform !== 'linux' || !['x64', 'arm64'].includes(process.arch)) return undefined
  const { default: koffi } = (await import('koffi')) as unknown as { default: Koffi }
  return bind(koffi)
}

function bind(koffi: Koffi): Native {
  const libc = koffi.load(null)
  const memfdCreate = libc.func('int memfd_create(const char *name, unsigned int flags)')
  const ftruncate = libc.func('int ftruncate(int fd, int64_t length)')
  const fcntl = libc.func('int fcntl(int fd, int command, int argument)')
  const mmap = libc.func(
    'intptr_t mmap(intptr_t at, size_t length, int protection, int flags, int fd, int64_t offset)',
  )
  const munmap = libc.func('int munmap(intptr_t at, size_t length)')
  const madvise = libc.func('int madvise(intptr_t at, size_t length, int advice)')
  const close = libc.func('int close(int fd)')
  const schedYield = libc.func('int sched_yield()')
  const getAffinity = libc.func('int sched_getaffinity(int thread, size_t bytes, void *set)')
  const setAffinity = libc.func('int sched_setaffinity(int thread, size_t bytes, const void *set)')
  const setsockopt = libc.func(
    'int setsockopt(int fd, int level, int name, const int32_t *value, uint32_t length)',
  )
  const getsockopt = libc.func(
    'int getsockopt(int fd, int level, int name, void *value, _Inout_ uint32_t *length)',
  )

  const checked = (name: string, result: unknown): number => {
    if (typeof result === 'number' && result >= 0) return result
    throw new NativeError(`${name} failed with error ${koffi.errno()} of the system`)
  }
  const mapped = (result: unknown): bigint => {
    const at = BigInt(result as bigint | number)
    if (at === MAP_FAILED) checked('mmap', -1)
    return at
  }
  /**
   * Has an empty file in the place of what is mapped there. A file, because a system may be set to
   * promise no more memory than it has (vm.overcommit_memory=2): then private memory counts in
   * full from the beginning and can be refused when the old is gone, and a file's when it is used.
   */
  const replace = (at: bigint, bytes: number): void => {
    const fd = memfdCreate('released', MFD_CLOEXEC) as number
    // Without it all stays as it is, until nothing refers to it any more.
    if (fd < 0) return
    if (ftruncate(fd, bytes) === 0) {
      mmap(at, bytes, PROT_READ_WRITE, MAP_SHARED | MAP_FIXED, fd, 0)
    }
    close(fd)
  }
  // Told when nothing refers to a buffer any more, by views or by itself.
  const forgotten = new FinalizationRegistry<{ at: bigint; bytes: number }>(({ at, bytes }) =>
    munmap(at, bytes),
  )
  return {
    memfdCreate(name, bytes) {
      const fd = checked('memfd_create', memfdCreate(name, MFD_CLOEXEC | MFD_ALLOW_SEALING))
      try {
        checked('ftruncate', ftruncate(fd, bytes))
      } catch (error) {
        close(fd)
        throw error
      }
      return fd
    },
    sealLength(fd) {
      checked('fcntl', fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
    },
    map(fd, bytes) {
      const at = mapped(mmap(0, bytes, PROT_READ_WRITE, MAP_SHARED, fd, 0))
      const buffer = koffi.view(at, bytes)
      forgotten.register(buffer, { at, bytes })
      return {
        bytes: new Uint8Array(buffer),
        remove: (offset, length) => void madvise(at + BigInt(offset), length, MADV_REMOVE),
        // Not unmapped: nothing can take its memory from a buffer that something may refer to.
        release: () => replace(at, bytes),
      }
    },
    close: fd => void checked('close', close(fd)),
    yieldProcessor: () => void schedYield(),
    leaveProcessor(thread) {
      const set = new Uint8Array(PROCESSOR_SET_BYTES)
      if (getAffinity(process.pid, set.length, set) !== 0) return
      const first = set.findIndex(byte => byte !== 0)
      set[first]! &= set[first]! - 1 // without its lowest bit
      if (set.some(byte => byte !== 0)) setAffinity(thread, set.length, set)
    },
    // The system takes twice what it is told, for what it keeps besides the bytes.
    setSendBuffer: (fd, bytes) => void setsockopt(fd, SOL_SOCKET, SO_SNDBUF, [bytes >>> 1], 4),
    peerOf(fd) {
      const found = new Int32Array(3) // struct ucred: process, user, group
      const failed = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, found, [found.byteLength]) !== 0
      const [pid, uid] = found as unknown as readonly [number, number]
      // Of a socket of the network there is none, and of another's PID namespace it is 0.
      return failed || pid <= 0 ? undefined : { pid, uid: uid >>> 0 }
    },
  }
}
