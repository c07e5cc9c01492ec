import t from 'tap'
import fc from 'fast-check'
import { mask, maskByHand, maskingKey, rotateKey } from '../../src/websocket/mask.js'

const key4 = fc.uint8Array({ minLength: 4, maxLength: 4 })

for (const [name, masks] of [
  ['mask', mask],
  ['maskByHand', maskByHand],
] as const) {
  await t.test(
    `${name} combines each byte with its byte of the key, and nothing else`,
    async () => {
      fc.assert(
        fc.property(
          fc.uint8Array({ maxLength: 300 }),
          key4,
          fc.nat({ max: 40 }),
          fc.nat({ max: 20 }),
          (source, key, from, at) => {
            const start = Math.min(from, source.length)
            // Not at the start of its memory, so that words do not lie where bytes do.
            const target = new Uint8Array(new ArrayBuffer(400), 3, 350).fill(9)
            const expected = Array.from(target, (byte, i) =>
              i >= at && i < at + source.length - start
                ? source[start + i - at]! ^ key[(i - at) & 3]!
                : byte,
            )
            masks(source, start, source.length, target, at, key)
            t.same([...target], expected)
          },
        ),
      )
    },
  )

  await t.test(`${name} done twice in place, in pieces too, changes nothing`, async () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        key4,
        fc.nat({ max: 300 }),
        (bytes, key, cut) => {
          const masked = bytes.slice()
          masks(masked, 0, masked.length, masked, 0, key)
          const middle = Math.min(cut, masked.length)
          masks(masked, 0, middle, masked, 0, key)
          masks(masked, middle, masked.length, masked, middle, rotateKey(key, middle))
          t.same(masked, bytes)
        },
      ),
    )
  })
}

await t.test('every key is another', async t => {
  const keys = new Set(Array.from({ length: 3000 }, () => String(maskingKey())))
  t.ok(keys.size > 2990)
  t.equal(maskingKey().length, 4)
})
