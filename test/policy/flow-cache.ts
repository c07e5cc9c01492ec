import fc from 'fast-check'
import t from 'tap'
import { FlowCache } from '../../src/policy/flow-cache.js'

await t.test('an unknown flow is a miss, a stored one is found', async t => {
  const cache = new FlowCache()
  t.equal(cache.lookup(1, 2, 3, 4, 5), -1)
  cache.store(1, 2, 3, 4, 5, 0)
  t.equal(cache.lookup(1, 2, 3, 4, 5), 0)
  cache.store(1, 2, 3, 4, 5, 99)
  t.equal(cache.lookup(1, 2, 3, 4, 5), 99, 'a new answer takes the place of the old one')
})

await t.test('every part of the key counts', async t => {
  const cache = new FlowCache()
  cache.store(1, 2, 3, 4, 5, 7)
  t.equal(cache.lookup(0, 2, 3, 4, 5), -1)
  t.equal(cache.lookup(1, 0, 3, 4, 5), -1)
  t.equal(cache.lookup(1, 2, 0, 4, 5), -1)
  t.equal(cache.lookup(1, 2, 3, 0, 5), -1)
  t.equal(cache.lookup(1, 2, 3, 4, 0), -1)
  t.equal(cache.lookup(3, 4, 1, 2, 5), -1, 'the way back is another flow')
})

await t.test('the largest domains, ports, types and positions are kept', async t => {
  const cache = new FlowCache(8)
  cache.store(0xffff, 0xffffffff, 0xffff, 0xfffffffe, 0xffffffff, 0x7fffffff)
  t.equal(cache.lookup(0xffff, 0xffffffff, 0xffff, 0xfffffffe, 0xffffffff), 0x7fffffff)
  t.equal(cache.lookup(0x7fff, 0xffffffff, 0xffff, 0xfffffffe, 0xffffffff), -1)
})

await t.test('clearing forgets everything, again and again', async t => {
  const cache = new FlowCache(8)
  for (let round = 0; round < 3 * 0x10000; round++) {
    if (cache.lookup(1, 2, 3, 4, 5) !== -1) t.fail(`round ${round} remembers the one before`)
    cache.store(1, 2, 3, 4, 5, round)
    if (cache.lookup(1, 2, 3, 4, 5) !== round) t.fail(`round ${round} forgot what it stored`)
    cache.clear()
  }
  t.equal(cache.lookup(1, 2, 3, 4, 5), -1)
})

await t.test(
  'what was stored long ago does not come back when generations start again',
  async t => {
    const cache = new FlowCache(8)
    cache.store(1, 2, 3, 4, 5, 6)
    for (let round = 1; round < 3 * 0x10000; round++) {
      cache.clear()
      if (cache.lookup(1, 2, 3, 4, 5) !== -1) t.fail(`it is back after ${round} rounds`)
    }
  },
)

await t.test('a full cache gives up old flows for new ones', async t => {
  const cache = new FlowCache(8)
  for (let port = 0; port < 1_000; port++) {
    cache.store(1, port, 2, 80, 0, port)
    if (cache.lookup(1, port, 2, 80, 0) !== port) t.fail(`port ${port} was not stored`)
  }
  const kept = Array.from({ length: 1_000 }, (_, port) => cache.lookup(1, port, 2, 80, 0))
  t.equal(kept.filter(position => position >= 0).length, 8)
})

await t.test('a half-full cache of the usual size loses next to nothing', async t => {
  const cache = new FlowCache()
  for (let port = 0; port < 32_768; port++) cache.store(1, 7, 2, port, 0, port)
  let lost = 0
  for (let port = 0; port < 32_768; port++) {
    const position = cache.lookup(1, 7, 2, port, 0)
    if (position === -1) lost++
    else if (position !== port) t.fail(`port ${port} has the answer of ${position}`)
  }
  t.ok(lost < 32_768 / 50, `${lost} of 32768 were given up`)
})

await t.test('it never answers anything but what was stored last', async () => {
  const small = fc.integer({ min: 0, max: 3 })
  const port = fc.constantFrom(0, 1, 0x7fffffff, 0x80000000, 0xffffffff)
  const step = fc.tuple(
    fc.constantFrom('store', 'lookup', 'clear'),
    small,
    port,
    small,
    port,
    small,
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200, size: 'max' }), steps => {
      const cache = new FlowCache(16)
      const model = new Map<string, number>()
      return steps.every(([operation, a, b, c, d, e], position) => {
        const key = [a, b, c, d, e].join()
        if (operation === 'clear') {
          cache.clear()
          model.clear()
        } else if (operation === 'store') {
          cache.store(a, b, c, d, e, position)
          model.set(key, position)
        }
        const found = cache.lookup(a, b, c, d, e)
        return operation === 'store' ? found === position : found === -1 || found === model.get(key)
      })
    }),
    { numRuns: 500 },
  )
})

await t.test(
  'a size that is not a power of two, or too small, is a mistake of the caller',
  async t => {
    for (const entries of [0, 1, 4, 9, 100, 8.5, Number.NaN]) {
      t.throws(() => new FlowCache(entries), /a power of two of entries, at least 8/)
    }
  },
)

await t.test('a note stays with its flow until the flow gives up its place', async t => {
  const cache = new FlowCache(8)
  cache.store(1, 2, 3, 4, 5, 6)
  const { entry } = cache
  t.same([cache.note(entry), cache.noteTag(entry)], [0, 0])
  cache.setNote(entry, 7, -8)
  cache.store(1, 2, 3, 4, 5, 9)
  cache.lookup(1, 2, 3, 4, 5)
  t.equal(cache.entry, entry)
  t.same([cache.note(entry), cache.noteTag(entry)], [7, -8], 'another answer does not touch it')
  for (let port = 10; cache.lookup(1, 2, 3, 4, 5) >= 0; port++) cache.store(1, port, 3, 4, 5, 6)
  t.equal(cache.note(entry), 0, 'another flow has the place')
  cache.setNote(entry, 7, 7)
  cache.clear()
  cache.store(1, 2, 3, 4, 5, 6)
  t.equal(cache.note(cache.entry), 0, 'the same flow, but all was forgotten')
})
