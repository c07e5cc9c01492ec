import fc from 'fast-check'
import t from 'tap'
import { SequenceCheck, Stamp } from '../../bench/parts/stamp.js'
import type { Touch } from '../../bench/protocol.js'

/** One that is compared by words and one that is compared by `memcmp`. */
const SIZES = [64, 1024]

function checkOf(
  payloadBytes: number,
  touch: Touch = 'all',
): { check: SequenceCheck; reasons: string[] } {
  const reasons: string[] = []
  return { check: new SequenceCheck(payloadBytes, touch, reason => reasons.push(reason)), reasons }
}

/** The first so many datagrams of a source, each with memory of its own. */
function datagramsOf(payloadBytes: number, count: number): Uint8Array[] {
  const stamp = new Stamp(payloadBytes)
  return Array.from({ length: count }, () => {
    const bytes = Uint8Array.from(stamp.bytes)
    stamp.advance()
    return bytes
  })
}

function take(check: SequenceCheck, datagrams: readonly Uint8Array[]): void {
  for (const bytes of datagrams) check.take(bytes, 0, bytes.length)
}

for (const size of SIZES) {
  await t.test(`of ${size} bytes all datagrams in order count, wherever they lie`, async t => {
    const { check, reasons } = checkOf(size)
    const inOne = new Uint8Array(3 + 300 * size)
    for (const [i, bytes] of datagramsOf(size, 300).entries()) {
      inOne.set(bytes, 3 + i * size)
      check.take(inOne, 3 + i * size, 3 + (i + 1) * size)
    }
    t.equal(check.count, 300)
    t.same(reasons, [])
  })

  await t.test(`of ${size} bytes one that is lost, doubled or cut is refused`, async t => {
    const [first, second, third] = datagramsOf(size, 3) as [Uint8Array, Uint8Array, Uint8Array]
    const wrong = {
      lost: [first, third],
      doubled: [first, first],
      'out of order': [second],
      cut: [first.subarray(0, size - 4)],
    }
    for (const [what, datagrams] of Object.entries(wrong)) {
      const { check, reasons } = checkOf(size)
      take(check, datagrams)
      t.equal(reasons.length, 1, what)
      t.equal(check.count, datagrams.length - 1, `${what} is not counted`)
    }
  })

  await t.test(`of ${size} bytes any byte that is changed is found`, async () => {
    const anyChange = fc.record({
      at: fc.integer({ min: 0, max: size - 1 }),
      by: fc.integer({ min: 1, max: 255 }),
    })
    fc.assert(
      fc.property(anyChange, ({ at, by }) => {
        const { check, reasons } = checkOf(size)
        const [bytes] = datagramsOf(size, 1) as [Uint8Array]
        bytes[at]! ^= by
        take(check, [bytes])
        return reasons.length === 1 && check.count === 0
      }),
    )
  })
}

await t.test('only the first that is wrong is told', async t => {
  const { check, reasons } = checkOf(64)
  take(check, datagramsOf(64, 4).slice(2))
  t.same(reasons, ['datagram 0 of 64 bytes was expected, and number 2 of 64 bytes came'])
})

await t.test('who reads the stamp alone does not see what is behind it', async t => {
  const { check, reasons } = checkOf(64, 'stamp')
  const [bytes] = datagramsOf(64, 1) as [Uint8Array]
  bytes[63]! ^= 1
  take(check, [bytes])
  t.same([check.count, reasons], [1, []])
})

await t.test('what was handed over is not stamped anew before its turn comes again', async t => {
  const stamp = new Stamp(64, 3)
  const kept = Array.from({ length: 3 }, () => {
    const { bytes } = stamp
    stamp.advance()
    return bytes
  })
  // The fourth uses the memory of the first, and only that.
  const { check, reasons } = checkOf(64)
  t.equal(stamp.bytes, kept[0])
  t.equal(stamp.seq, 3)
  take(check, datagramsOf(64, 1))
  take(check, kept.slice(1))
  take(check, [stamp.bytes])
  t.same([check.count, reasons], [4, []])
})
