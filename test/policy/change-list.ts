import fc from 'fast-check'
import t from 'tap'
import { mergeEntries, type Entry, type LabelledChange } from '../../src/policy/change-list.js'
import { decisionOf, type PortChange } from '../../src/policy/pair-diff.js'
import type { Party } from '../../src/policy/parties.js'
import { ALL_PORTS } from '../../src/policy/selector.js'

const none = decisionOf(null)
const changes = [1, 2].map((max): PortChange => ({
  sourcePorts: ALL_PORTS,
  destinationPorts: { min: 0, max },
  type: 'any',
  before: none,
  after: { ...none, effect: 'drop' },
  kind: 'changed',
}))
const parties: readonly Party[] = Array.from({ length: 12 }, (_, i) => ({
  labels: i % 5 === 0 ? [`d${i}`, `e${i}`] : [`d${i}`],
  subject: { name: `d${i}`, tags: [] },
}))
const blocks = [[0, 1, 2], [3], [4, 5, 6, 7], [8], [9, 10, 11]].map(indexes => ({
  parties: indexes.map(index => parties[index]!),
}))
const singles = parties.map(party => ({ parties: [party] }))

/** What is said of which pair of labels, each as often as it is. */
function saidIn(list: readonly LabelledChange[]): string[] {
  return list
    .flatMap(({ from, to, except, destinationPorts }) =>
      from.flatMap(a =>
        to
          .filter(b => except?.some(not => not.from.includes(a) && not.to.includes(b)) !== true)
          .map(b => `${a} ${b} ${destinationPorts.max}`),
      ),
    )
    .sort()
}

/** The same, without merging. */
function plainly(entries: readonly Entry[]): LabelledChange[] {
  return entries.flatMap(({ change, pairs: [from, to], except }) =>
    from.parties.flatMap(a =>
      to.parties
        .filter(b => !except.some(([c, d]) => c.parties.includes(a) && d.parties.includes(b)))
        .map(b => ({ from: a.labels, to: b.labels, ...change })),
    ),
  )
}

const entries: fc.Arbitrary<Entry[]> = fc
  .array(
    fc.record({
      change: fc.constantFrom(...changes),
      from: fc.constantFrom(...blocks),
      to: fc.constantFrom(...blocks),
      except: fc.array(fc.tuple(fc.nat(), fc.nat()), { maxLength: 14 }),
    }),
    { maxLength: 30 },
  )
  .map(all => {
    const seen = new Set<string>()
    return all.flatMap(({ change, from, to, except }) => {
      const key = [changes.indexOf(change), blocks.indexOf(from), blocks.indexOf(to)].join()
      if (seen.has(key)) return []
      seen.add(key)
      const single = (n: number, { parties: some }: (typeof blocks)[number]) =>
        singles[parties.indexOf(some[n % some.length]!)]!
      const chosen = new Map(
        except.map(([a, b]) => {
          const pair = [single(a, from), single(b, to)] as const
          return [pair.map(each => singles.indexOf(each)).join(), pair]
        }),
      )
      return { change, pairs: [from, to] as const, except: [...chosen.values()] }
    })
  })

await t.test('merging changes nothing of what is said', async t => {
  let merged = 0
  let exceptions = 0
  fc.assert(
    fc.property(entries, fc.constantFrom(0, 8, 100), (all, separatedMax) => {
      const list = mergeEntries(all, parties, separatedMax)
      // What is told apart may be more.
      if (separatedMax === 0) merged += all.length - list.length
      exceptions += list.filter(({ except }) => except !== undefined).length
      return saidIn(list).join('\n') === saidIn(plainly(all)).join('\n')
    }),
    { numRuns: 300 },
  )
  t.ok(merged > 50, `${merged} fewer`)
  t.ok(exceptions > 50, `${exceptions} with exceptions`)
})

await t.test('a change about nobody is not listed', async t => {
  const [from, to] = [blocks[0]!, blocks[1]!]
  const except = [0, 1, 2].map(index => [singles[index]!, singles[3]!] as const)
  const entry = { change: changes[0]!, pairs: [from, to] as const, except }
  for (const separatedMax of [0, 100]) t.same(mergeEntries([entry], parties, separatedMax), [])
})
