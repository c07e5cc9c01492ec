import fc from 'fast-check'
import t from 'tap'
import { Arena } from '../../src/hypervisor/arena.js'

await t.test('the first free range that is long enough is taken', async t => {
  const arena = new Arena(4096, 4 * 4096, 4096)
  t.equal(arena.take(1), 4096)
  t.equal(arena.take(8192), 8192)
  t.equal(arena.take(4097), undefined, 'no range is two pages long')
  t.equal(arena.take(4096), 16_384)
  t.equal(arena.take(1), undefined)
  arena.give(8192, 8192)
  t.equal(arena.freeBytes, 8192)
  t.equal(arena.take(100), 8192)
  arena.give(4096, 1)
  t.equal(arena.take(2), 4096, 'what was given back is used again')
})

await t.test('what was not taken can not be given back', async t => {
  const arena = new Arena(0, 8192, 4096)
  t.throws(() => arena.give(0, 1), { name: 'AssertionError' })
  arena.take(4096)
  t.throws(() => arena.give(0, 8192), { name: 'AssertionError' })
  t.throws(() => arena.give(4096, 4096), { name: 'AssertionError' })
  t.throws(() => new Arena(1, 4096, 4096), { name: 'AssertionError' })
  t.equal(new Arena(0, 0, 4096).take(1), undefined)
})

await t.test('no two parts overlap, and what is given back is whole again', async () => {
  const steps = fc.array(
    fc.oneof(fc.integer({ min: 1, max: 200 }), fc.integer({ max: 0, min: -9 })),
  )
  fc.assert(
    fc.property(steps, script => {
      const pages = 16
      const arena = new Arena(64, pages * 16, 16)
      const taken: { at: number; bytes: number }[] = []
      for (const step of script) {
        if (step > 0) {
          const at = arena.take(step)
          const size = arena.size(step)
          const used = new Set(taken.flatMap(part => slotsOf(part.at, arena.size(part.bytes))))
          if (at === undefined) {
            // Only where no row of free slots is long enough.
            const free = Array.from({ length: pages }, (_, i) => (used.has(i + 4) ? '#' : '.'))
            if (free.join('').includes('.'.repeat(size / 16))) return false
            continue
          }
          if (slotsOf(at, size).some(slot => used.has(slot) || slot < 4 || slot >= 4 + pages))
            return false
          taken.push({ at, bytes: step })
        } else {
          const [part] = taken.splice(-step, 1)
          if (part !== undefined) arena.give(part.at, part.bytes)
        }
      }
      for (const { at, bytes } of taken) arena.give(at, bytes)
      return arena.freeBytes === pages * 16 && arena.take(pages * 16) === 64
    }),
  )
})

function slotsOf(at: number, bytes: number): number[] {
  return Array.from({ length: bytes / 16 }, (_, i) => at / 16 + i)
}
