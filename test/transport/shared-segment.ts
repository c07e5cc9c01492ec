import { existsSync, openSync, readlinkSync } from 'node:fs'
import t from 'tap'
import type { DomainId } from '../../src/abi/addr.js'
import { defaultLimits, type Limits } from '../../src/abi/limits.js'
import { hasNonce, SHARED_BYTES_MAX, sharedLayoutOf } from '../../src/abi/shared-memory.js'
import { Domain } from '../../src/hypervisor/domain.js'
import { loadNative, NativeError } from '../../src/native/native.js'
import { SharedSegments, type SharedSegment } from '../../src/transport/shared-segment.js'

const native = await loadNative()
const skip = native === undefined ? 'no memory can be shared here' : false
const MIB = 1024 * 1024
const web = new Domain(1 as DomainId, 'web', [])

function segments(limits: Partial<Limits> = {}): SharedSegments {
  return new SharedSegments(native, { ...defaultLimits, ...limits })
}

function open(from: SharedSegments, domain = web): SharedSegment {
  const outcome = from.open(domain)
  if (!outcome.ok) throw new Error(outcome.detail)
  return outcome.segment
}

await t.test('without the native calls there is none, but for threads there is', async t => {
  const none = new SharedSegments(undefined, defaultLimits)
  t.match(none.open(web), { ok: false, code: 'EOPNOTSUPP' })
  const outcome = none.openForThread(web)
  if (!outcome.ok) throw new Error(outcome.detail)
  const { segment, buffer } = outcome
  t.equal(segment.memory.bytes.buffer, buffer)
  t.equal(segment.fd, undefined)
  segment.take(4096)!.release()
  segment.release()
})

await t.test('calls that fail leave nothing open', { skip }, async t => {
  const closed: number[] = []
  const fail = (): never => {
    throw new NativeError('mmap failed with error 12 of the system')
  }
  const failing = {
    ...native!,
    map: fail,
    close: (fd: number) => (closed.push(fd), native!.close(fd)),
  }
  const outcome = new SharedSegments(failing, defaultLimits).open(web)
  t.match(outcome, { ok: false, code: 'EOPNOTSUPP', detail: /mmap failed/ })
  t.equal(closed.length, 1)
  t.notOk(existsSync(`/proc/self/fd/${closed[0]}`))
})

await t.test(
  'a segment is a file until it is closed, and known by its nonce',
  { skip },
  async t => {
    const segment = open(segments())
    const { layout, memory, nonce, fd } = segment
    t.match(readlinkSync(`/proc/self/fd/${fd}`), /^\/memfd:v4v/)
    t.ok(hasNonce(memory, nonce))
    t.same(sharedLayoutOf(layout.bytes, layout.chunks), layout)
    t.equal(memory.bytes.length, layout.bytes)
    segment.closeFile()
    segment.closeFile()
    t.equal(segment.fd, undefined)
    t.throws(() => openSync(`/proc/self/fd/${fd}`, 'r'), { code: 'ENOENT' })
    segment.release()
    t.doesNotThrow(() => segment.release())
  },
)

await t.test('rings lie in its arena, whose pages are used again', { skip }, async t => {
  const segment = open(segments({ sharedMemoryBytesPerSession: MIB + 100 }))
  const { ringsAt, bytes } = segment.layout
  t.equal(bytes - ringsAt, MIB, 'whole pages')
  const first = segment.take(MIB - 4096)!
  t.equal(first.offset, ringsAt)
  first.bytes.fill(7)
  t.equal(segment.take(4097), undefined, 'there is no more room')
  const second = segment.take(4000)!
  t.equal(second.bytes.length, 4000)
  first.release()
  const again = segment.take(8192)!
  t.equal(again.offset, ringsAt)
  t.ok(
    again.bytes.every(byte => byte === 0),
    'and is empty',
  )
  segment.release()
})

await t.test('a domain shares no more than it may', { skip }, async t => {
  const limits = { sharedMemoryBytesPerSession: MIB, sharedMemoryBytesPerDomainMax: 16 * MIB }
  const all = segments(limits)
  const held = [open(all), open(all)]
  t.match(all.open(web), { ok: false, code: 'ENOSPC', detail: /at most 16777216 bytes/ })
  t.match(all.openForThread(web), { ok: false, code: 'ENOSPC' })
  const db = new Domain(2 as DomainId, 'db', [])
  open(all, db).release()
  held[0]!.release()
  open(all).release()
  held[1]!.release()
  t.match(segments({ sharedMemoryBytesPerDomainMax: 1 }).open(web), { code: 'ENOSPC' })
})

await t.test('all domains share no more than the daemon may', { skip }, async t => {
  const all = segments({ sharedMemoryBytesPerSession: MIB, sharedMemoryBytesMax: 16 * MIB })
  const db = new Domain(2 as DomainId, 'db', [])
  const held = [open(all), open(all, db)]
  const refused = { ok: false, code: 'ENOSPC', detail: /together share at most 16777216 bytes/ }
  t.match(all.open(web), refused)
  t.match(all.openForThread(db), refused)
  held[0]!.release()
  open(all, db).release()
  held[1]!.release()
})

await t.test('however large it may be, its offsets are 32-bit numbers', { skip }, async t => {
  const large = 2 ** 40
  const segment = open(
    segments({ sharedMemoryBytesPerSession: large, sharedMemoryBytesPerDomainMax: large }),
  )
  t.ok(segment.layout.bytes < SHARED_BYTES_MAX)
  segment.release()
})
