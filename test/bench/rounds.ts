import fc from 'fast-check'
import t from 'tap'
import { neighboursOf, roundOf, takesPart } from '../../bench/rounds.js'

const counts = { others: fc.nat(20), between: fc.integer({ min: 1, max: 6 }), round: fc.nat(50) }

await t.test('a round has each other once, close to the baseline on both sides', async () => {
  fc.assert(
    fc.property(fc.record(counts), ({ others, between, round }) => {
      const turns = roundOf(others, between, round)
      const measured = turns.filter(turn => turn !== 'baseline').sort((a, b) => a - b)
      if (measured.join() !== Array.from({ length: others }, (_, i) => i).join()) return false
      return turns.every((turn, at) => {
        if (turn === 'baseline') return true
        const [before, behind] = neighboursOf(turns, at)
        return (
          turns[before] === 'baseline' &&
          turns[behind] === 'baseline' &&
          before < at &&
          at < behind &&
          behind - before <= between + 1
        )
      })
    }),
  )
})

await t.test('no other is always the first', async t => {
  const first = (round: number) => roundOf(3, 2, round)[1]
  t.same([0, 1, 2, 3].map(first), [0, 1, 2, 0])
})

await t.test('what has fewer windows than there are rounds is spread over them', async t => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 30 }), (a, b) => {
      const [repeats, rounds] = [Math.min(a, b), Math.max(a, b)]
      const parts = Array.from({ length: rounds }, (_, round) => takesPart(repeats, rounds, round))
      return parts.filter(Boolean).length === repeats && parts.at(-1) === true
    }),
  )
  t.same(
    [0, 1, 2, 3, 4].map(round => takesPart(3, 5, round)),
    [false, true, false, true, true],
  )
})
