import fc from 'fast-check'
import t from 'tap'
import { errnoOf } from '../../src/abi/errno.js'
import { Prng } from '../fixtures/prng.js'
import { attach } from './fixtures/scripted-peer.js'

const AGAIN = errnoOf('EAGAIN')
const PORT = 80

await t.test('whatever is refused for space arrives in order and once', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer(),
      fc.array(fc.integer({ min: 0, max: 60_000 }), { minLength: 20, maxLength: 120 }),
      fc.integer({ min: 65_000, max: 400_000 }),
      async (seed, sizes, roomMax) => {
        const prng = new Prng(seed)
        const arrived: Buffer[] = []
        let mustRetry = false
        const { domain, peer } = await attach()
        peer.onSend = ({ target, port, firstSeq, payloads, retry }) => {
          if (retry) mustRetry = false
          // A prefix fits, as often as not all of it.
          let room = mustRetry ? 0 : prng.below(roomMax)
          let count = 0
          while (
            count < payloads.length &&
            (prng.below(2) === 0 || payloads[count]!.length < room)
          ) {
            if (mustRetry) break
            room -= payloads[count]!.length
            arrived.push(payloads[count]!)
            count++
          }
          const refused = payloads.length - count
          const upTo = firstSeq + payloads.length
          if (refused === 0) return peer.sent(upTo)
          mustRetry = true
          const first = firstSeq + count
          // Sometimes told in two pieces, as a daemon may.
          const part = 1 + prng.below(refused)
          peer.sent(first + part, { firstSeq: first, count: part, errno: AGAIN, decisionId: 0 })
          if (part < refused) {
            const rest = { firstSeq: first + part, count: refused - part, errno: AGAIN }
            peer.sent(upTo, { ...rest, decisionId: 0 })
          }
          const value = prng.below(roomMax)
          peer.event({ kind: 'space', target: peer.handleOf(target), port, value })
        }
        const ring = await domain.bind(9)
        const payloads = sizes.map((size, i) => new Uint8Array(size).fill(i + 1))
        const sends = payloads.map((payload, i) => {
          const timeoutMs = i % 7 === 3 ? 60_000 : undefined
          return ring.send(`web:${PORT}`, payload, { timeoutMs })
        })
        await Promise.all(sends)
        peer.close()
        return (
          payloads.length === arrived.length &&
          payloads.every((payload, i) => arrived[i]!.equals(payload))
        )
      },
    ),
    { numRuns: 40 },
  )
})
