import { closeSync, ftruncateSync, openSync, readFileSync, readlinkSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { loadNative } from '../../src/native/native.js'
import { until } from '../fixtures/daemon.js'

const native = await loadNative()
const skip = native === undefined ? 'the package koffi can not be loaded here' : false
const BYTES = 64 * 4096

function mapped(): number {
  const lines = readFileSync('/proc/self/maps', 'utf8').split('\n')
  return lines.filter(line => line.includes('/memfd:v4v-test')).length
}

function released(): string[] {
  const lines = readFileSync('/proc/self/maps', 'utf8').split('\n')
  return lines.filter(line => line.includes('/memfd:released'))
}

await t.test('two mappings of a file are the same memory', { skip }, async t => {
  const fd = native!.memfdCreate('v4v-test', BYTES)
  t.match(readlinkSync(`/proc/self/fd/${fd}`), /^\/memfd:v4v-test/)
  const left = native!.map(fd, BYTES)
  const fdAgain = openSync(`/proc/self/fd/${fd}`, 'r+')
  const right = native!.map(fdAgain, BYTES)
  closeSync(fdAgain)
  native!.close(fd)
  left.bytes[5000] = 7
  t.equal(right.bytes[5000], 7)
  const words = new Int32Array(left.bytes.buffer, 0, 16)
  Atomics.store(words, 3, -5)
  t.equal(Atomics.load(new Int32Array(right.bytes.buffer, 0, 16), 3), -5)

  left.remove(4096, 4096)
  t.equal(right.bytes[5000], 0, 'a page that was given back is empty for both')
  right.bytes[9000] = 9
  left.release()
  t.equal(left.bytes[9000], 0, 'who let go sees memory of its own')
  left.bytes[9000] = 1
  t.equal(right.bytes[9000], 9)
  t.equal(mapped(), 1)
  right.release()
  t.equal(mapped(), 0)
})

await t.test('what is released counts as memory only where it is used', { skip }, async t => {
  const fd = native!.memfdCreate('v4v-test', BYTES)
  const mapping = native!.map(fd, BYTES)
  native!.close(fd)
  const before = released().length
  mapping.release()
  const now = released()
  t.equal(now.length, before + 1)
  t.match(now.at(-1), / rw-s /, 'as a file, and not set aside as private memory is')
  mapping.bytes[BYTES - 1] = 1
  t.equal(mapping.bytes[BYTES - 1], 1)
})

await t.test('where no file can be opened it lets go later', { skip }, async t => {
  const fd = native!.memfdCreate('v4v-test', BYTES)
  const mapping = native!.map(fd, BYTES)
  native!.close(fd)
  const taken: number[] = []
  try {
    for (;;) taken.push(openSync('/dev/null', 'r'))
  } catch (error) {
    t.match(error, { code: 'EMFILE' })
  }
  try {
    t.doesNotThrow(() => mapping.release())
  } finally {
    for (const one of taken) closeSync(one)
  }
  mapping.bytes[0] = 1
  t.equal(mapping.bytes[0], 1, 'all is as it was')
})

await t.test('a file whose length is sealed keeps it', { skip }, async t => {
  const fd = native!.memfdCreate('v4v-test', BYTES)
  native!.sealLength(fd)
  for (const bytes of [0, 4096, BYTES * 2]) {
    t.throws(() => ftruncateSync(fd, bytes), { code: 'EPERM' }, String(bytes))
  }
  t.throws(() => native!.sealLength(fd), { name: 'NativeError' }, 'sealed for ever')
  native!.close(fd)
})

await t.test('memory is unmapped when nothing refers to it', { skip }, async t => {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  for (let i = 0; i < 50; i++) {
    const fd = native!.memfdCreate('v4v-test', BYTES)
    native!.map(fd, BYTES).bytes[0] = i
    native!.close(fd)
  }
  t.ok(mapped() > 0)
  await until(
    () => {
      gc()
      return mapped()
    },
    maps => maps === 0,
  )
  t.pass('all of them were')
})

await t.test('what the system refuses is said', { skip }, async t => {
  t.throws(() => native!.map(999_999, 4096), { message: /^mmap failed with error 9 / })
  t.throws(() => native!.close(999_999), { message: /^close failed with error 9 / })
  t.throws(() => native!.memfdCreate('v4v-test', -1), {
    message: /^ftruncate failed with error 22 /,
  })
  t.doesNotThrow(() => native!.yieldProcessor())
})

await t.test('it can be switched off', async t => {
  const before = process.env['V4V_NATIVE']
  process.env['V4V_NATIVE'] = 'off'
  t.equal(await loadNative(), undefined)
  if (before === undefined) delete process.env['V4V_NATIVE']
  else process.env['V4V_NATIVE'] = before
})
