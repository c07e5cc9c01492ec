import fc from 'fast-check'
import t from 'tap'
import { FlowSums, type FlowSum } from '../../src/policy/flow-sums.js'

const port = fc.constantFrom(1, 80, 0x80000000, 0xffffffff)
const name = fc.constantFrom('a', 'b', 'web', 'stream')
const seen: fc.Arbitrary<FlowSum> = fc.record({
  source: name,
  sourcePort: port,
  destination: name,
  destinationPort: port,
  type: fc.constantFrom('dgram', 'stream'),
  datagrams: fc.integer({ min: 1, max: 5 }),
  bytes: fc.nat(),
  firstAt: fc.nat(),
  lastAt: fc.nat(),
})

/** The same, as plainly as can be. */
function plainly(flows: readonly FlowSum[]): FlowSum[] {
  const sums = new Map<string, FlowSum>()
  for (const flow of flows) {
    const { source, sourcePort, destination, destinationPort, type, ...counts } = flow
    const key = JSON.stringify([source, sourcePort, destination, destinationPort, type])
    const known = sums.get(key)
    sums.set(key, {
      ...flow,
      datagrams: (known?.datagrams ?? 0) + counts.datagrams,
      bytes: (known?.bytes ?? 0) + counts.bytes,
      firstAt: Math.min(known?.firstAt ?? Infinity, counts.firstAt),
      lastAt: Math.max(known?.lastAt ?? 0, counts.lastAt),
    })
  }
  return [...sums.values()]
}

await t.test('flows are added up as one by one, and those with most come first', async () => {
  fc.assert(
    fc.property(
      fc.array(seen, { maxLength: 300 }),
      fc.integer({ min: 1, max: 9 }),
      (flows, count) => {
        const sums = new FlowSums()
        for (const flow of flows) sums.add(flow)
        const expected = plainly(flows)
        const largest = expected.toSorted((a, b) => b.datagrams - a.datagrams).slice(0, count)
        const all = expected.map((_, index) => sums.at(index))
        return (
          sums.length === expected.length &&
          JSON.stringify(all.map(sorted)) === JSON.stringify(expected.map(sorted)) &&
          JSON.stringify(sums.largest(count).map(i => sorted(sums.at(i)))) ===
            JSON.stringify(largest.map(sorted)) &&
          all.every(({ lastAt }, index) => sums.lastAt(index) === lastAt)
        )
      },
    ),
  )
})

await t.test('each keeps its index, however many more there are', async t => {
  const sums = new FlowSums()
  const flowAt = (i: number): FlowSum => ({
    source: `web${i % 70}`,
    sourcePort: i,
    destination: 'db',
    destinationPort: 5432,
    type: 'dgram',
    datagrams: i + 1,
    bytes: 2 * i,
    firstAt: i,
    lastAt: i + 5,
  })
  const count = 5_000
  for (let i = 0; i < count; i++) if (sums.add(flowAt(i)) !== i) t.fail(`${i} is new`)
  for (let i = 0; i < count; i++) if (sums.add(flowAt(i)) !== i) t.fail(`${i} is known`)
  t.equal(sums.length, count)
  t.match(sums.at(4_999), { source: 'web29', sourcePort: 4_999, datagrams: 10_000, bytes: 19_996 })
  t.same(sums.largest(2), [4_999, 4_998])
  t.same(new FlowSums().largest(2), [])
})

function sorted(sum: FlowSum): [string, unknown][] {
  return Object.entries(sum).toSorted(([a], [b]) => (a < b ? -1 : 1))
}
