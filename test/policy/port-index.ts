import fc from 'fast-check'
import t from 'tap'
import {
  addPortIndex,
  lookupPorts,
  NO_PORTS,
  portIndexes,
  type PortRectangle,
} from '../../src/policy/port-index.js'
import { ALL_PORTS, matchesPort, type PortRange } from '../../src/policy/selector.js'
import { portRange } from './fixtures/arbitraries.js'

const BOUND = 1_000_000

/** What the index has to answer. */
function first(
  rectangles: readonly PortRectangle[],
  sourcePort: number,
  destinationPort: number,
  bound: number,
): number {
  const found = rectangles.find(
    ({ source, destination }) =>
      matchesPort(source, sourcePort) && matchesPort(destination, destinationPort),
  )
  return Math.min(found?.position ?? bound, bound)
}

/** Ports where something can change: the ends of every range and their neighbours. */
function edges(ranges: readonly PortRange[]): number[] {
  const ports = ranges.flatMap(({ min, max }) => [min - 1, min, max, max + 1])
  return [...new Set([0, 1, 0xffffffff, ...ports])].filter(p => p >= 0 && p <= 0xffffffff)
}

function fill(
  count: number,
  make: (i: number) => { source: PortRange; destination: PortRange },
): PortRectangle[] {
  return Array.from({ length: count }, (_, i) => ({ ...make(i), position: i + 1 }))
}

/** An index that stands among others. */
function portIndex(rectangles: readonly PortRectangle[]): {
  lookup(sourcePort: number, destinationPort: number, bound: number): number
} {
  const all = portIndexes()
  addPortIndex([{ source: ALL_PORTS, destination: ALL_PORTS, position: 1 }], all)
  const at = addPortIndex(rectangles, all)
  addPortIndex([{ source: ALL_PORTS, destination: ALL_PORTS, position: 2 }], all)
  const words = all.toArray()
  return {
    lookup: (source, destination, bound) => lookupPorts(words, at, source, destination, bound),
  }
}

await t.test('no rectangles hold no point', async t => {
  t.equal(addPortIndex([], portIndexes()), NO_PORTS)
  t.equal(portIndex([]).lookup(1, 2, BOUND), BOUND)
})

await t.test(
  'few and many rectangles give the answers of a plain search at every edge',
  async () => {
    const shapes = fc.oneof(
      fc.record({ source: portRange, destination: portRange }),
      fc.record({ source: fc.constant(ALL_PORTS), destination: portRange }),
      fc.record({ source: portRange, destination: fc.constant(ALL_PORTS) }),
    )
    const list = fc.oneof(
      fc.array(shapes, { maxLength: 8 }),
      fc.array(shapes, { minLength: 9, maxLength: 60, size: 'max' }),
    )
    fc.assert(
      fc.property(list, fc.integer({ min: 1, max: 70 }), (some, bound) => {
        const rectangles = some.map((ports, i) => ({ ...ports, position: 2 * i + 1 }))
        const index = portIndex(rectangles)
        const sources = edges(rectangles.map(r => r.source))
        const destinations = edges(rectangles.map(r => r.destination))
        for (const source of sources) {
          for (const destination of destinations) {
            for (const limit of [BOUND, bound]) {
              const expected = first(rectangles, source, destination, limit)
              if (index.lookup(source, destination, limit) !== expected) return false
            }
          }
        }
        return true
      }),
      { numRuns: 300 },
    )
  },
)

await t.test('ten thousand nested ranges, the widest last, keep each its own rim', async t => {
  const n = 10_000
  const nested = (i: number): PortRange => ({ min: 2 * (n - i), max: 3_000_000_000 + 2 * i })
  const both = portIndex(fill(n, i => ({ source: nested(i), destination: nested(i) })))
  const bySource = portIndex(fill(n, i => ({ source: nested(i), destination: ALL_PORTS })))
  const byDestination = portIndex(fill(n, i => ({ source: ALL_PORTS, destination: nested(i) })))
  const wrong: number[] = []
  for (let i = 0; i < n; i++) {
    const { min, max } = nested(i)
    const answers = [
      both.lookup(min, max, BOUND),
      both.lookup(max, min, BOUND),
      both.lookup(min, 1_000_000, BOUND),
      bySource.lookup(min, 0, BOUND),
      byDestination.lookup(0, max, BOUND),
    ]
    if (answers.some(answer => answer !== i + 1)) wrong.push(i)
  }
  t.same(wrong, [])
  t.equal(both.lookup(0, 0, BOUND), BOUND)
  t.equal(both.lookup(1_000_000, 1_000_000, BOUND), 1)
})

await t.test('ten thousand nested ranges, the widest first, hide all that follow', async t => {
  const n = 10_000
  const nested = (i: number): PortRange => ({ min: 10 + i, max: 3_000_000_000 - i })
  const index = portIndex(fill(n, i => ({ source: nested(i), destination: nested(i) })))
  for (const port of [10, 11, 5_000, 2_000_000_000, 3_000_000_000]) {
    t.equal(index.lookup(port, port, BOUND), 1)
  }
  t.equal(index.lookup(9, 10, BOUND), BOUND)
})

await t.test('a grid of crossing stripes is decided by the earlier of the two', async t => {
  const n = 4_000
  const stripe = (i: number): PortRange => ({ min: 10 * i, max: 10 * i + 4 })
  const rectangles = fill(n, i =>
    i % 2 === 0
      ? { source: stripe(i), destination: ALL_PORTS }
      : { source: ALL_PORTS, destination: stripe(i) },
  )
  const index = portIndex(rectangles)
  for (const [source, destination] of [
    [0, 10],
    [20, 10],
    [39_980, 39_990],
    [39_980, 39_995],
    [5, 15],
    [45, 31],
  ] as const) {
    t.equal(index.lookup(source, destination, BOUND), first(rectangles, source, destination, BOUND))
  }
})
