import fc from 'fast-check'
import t from 'tap'
import type { DomainId } from '../../src/abi/addr.js'
import { RingShare } from '../../src/hypervisor/ring-share.js'

const [a, b, c] = [1, 2, 3] as DomainId[] as [DomainId, DomainId, DomainId]
const nobody = new Map<DomainId, number>()

await t.test('a domain that has the ring to itself may fill it', async t => {
  const share = new RingShare(160)
  t.equal(share.room(a, nobody, 16), 160)
  share.charge(a, 64, 64)
  t.equal(share.heldBytes(a), 64)
  t.equal(share.room(a, nobody, 16), 160, 'its own bytes are bounded by the ring alone')
})

await t.test('n claimants have 1/n each, and what one holds counts against it', async t => {
  const share = new RingShare(160)
  share.charge(a, 48, 48)
  t.equal(share.room(b, nobody, 16), 80)
  share.charge(b, 32, 80)
  t.equal(share.room(a, nobody, 16), 32)
  t.equal(share.room(b, nobody, 16), 48)
  t.equal(share.room(c, nobody, 16), 53)
  t.equal(share.room(a, new Map([[c, 1]]), 16), 5, 'one that waits has a share too')
  t.equal(share.room(a, new Map([[b, 2]]), 16), 32, 'but not two')
  share.charge(a, 64, 144)
  t.equal(share.room(a, nobody, 16), 0, 'beyond its share there is no room')
})

await t.test('whoever holds nothing may have one message in, however small its share', async t => {
  const share = new RingShare(160)
  share.charge(a, 48, 48)
  t.equal(share.room(b, nobody, 112), 112)
})

await t.test('nothing charged is nothing held', async t => {
  const share = new RingShare(160)
  share.charge(a, 0, 0)
  t.equal(share.room(b, nobody, 16), 160)
})

await t.test(
  'what is consumed is given back to who sent it, also in the middle of a message',
  async t => {
    const share = new RingShare(160)
    share.charge(a, 32, 32)
    share.charge(b, 48, 80)
    share.charge(a, 16, 96)
    share.release(0, 48)
    t.same([share.heldBytes(a), share.heldBytes(b)], [16, 32])
    share.release(48, 96)
    t.same([share.heldBytes(a), share.heldBytes(b)], [0, 0])
    t.throws(() => share.release(96, 112), { name: 'AssertionError' })
  },
)

await t.test('what is held is always what was charged and not released', async () => {
  const step = fc.tuple(fc.integer({ min: 1, max: 4 }), fc.nat({ max: 5 }), fc.nat({ max: 8 }))
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), steps => {
      const share = new RingShare(1 << 20)
      const slots: number[] = []
      let rx = 0
      for (const [domain, charged, released] of steps) {
        for (let i = 0; i < charged; i++) slots.push(domain)
        share.charge(domain as DomainId, charged * 16, slots.length * 16)
        const to = Math.min(slots.length, rx + released)
        share.release(rx * 16, to * 16)
        rx = to
        for (let id = 1; id <= 4; id++) {
          const held = slots.slice(rx).filter(slot => slot === id).length * 16
          if (share.heldBytes(id as DomainId) !== held) return false
        }
      }
      return true
    }),
    { numRuns: 200 },
  )
})

await t.test(
  'a long life in which two take turns is remembered no longer than it lasts',
  async t => {
    const share = new RingShare(160)
    for (let i = 0; i < 1000; i++) {
      share.charge(a, 16, i * 32 + 16)
      share.charge(b, 16, i * 32 + 32)
      if (i > 0) share.release((i - 1) * 32, i * 32)
    }
    t.same([share.heldBytes(a), share.heldBytes(b)], [16, 16])
  },
)
