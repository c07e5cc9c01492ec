import fc from 'fast-check'
import t from 'tap'
import { PORT_ANY } from '../../src/abi/addr.js'
import type { PortRectangle } from '../../src/policy/port-index.js'
import {
  clip,
  cutsOf,
  intersect,
  portRegions,
  rangesMeet,
  RegionIndex,
} from '../../src/policy/port-regions.js'
import { ALL_PORTS, matchesPort } from '../../src/policy/selector.js'
import { portRange, triedPorts } from './fixtures/arbitraries.js'

const rectangles: fc.Arbitrary<PortRectangle[]> = fc
  .array(fc.record({ source: portRange, destination: portRange }), { maxLength: 12, size: 'max' })
  .map(list => list.map((each, index) => ({ ...each, position: index + 1 })))

await t.test('every pair of ports is in one region, that of the first rectangle', async () => {
  fc.assert(
    fc.property(rectangles, triedPorts, (some, ports) => {
      const regions = portRegions(some)
      return ports.every(source =>
        ports.every(destination => {
          const holds = (r: PortRectangle): boolean =>
            matchesPort(r.source, source) && matchesPort(r.destination, destination)
          const found = regions.filter(holds)
          return found.length === 1 && found[0]!.position === (some.find(holds)?.position ?? 0)
        }),
      )
    }),
    { numRuns: 1_000 },
  )
})

await t.test('without rectangles all ports are one region of no rule', async t => {
  t.same(portRegions([]), [{ source: ALL_PORTS, destination: ALL_PORTS, position: 0 }])
})

await t.test('regions are no smaller than they have to be', async t => {
  const range = (min: number, max: number): { min: number; max: number } => ({ min, max })
  const some = [
    { source: ALL_PORTS, destination: range(80, 89), position: 1 },
    { source: range(1, 9), destination: range(80, 89), position: 2 },
  ]
  t.same(portRegions(some), [
    { source: ALL_PORTS, destination: range(0, 79), position: 0 },
    { source: ALL_PORTS, destination: range(80, 89), position: 1 },
    { source: ALL_PORTS, destination: range(90, PORT_ANY), position: 0 },
  ])
})

await t.test('ranges are cut and intersected with both of their ends', async t => {
  t.same(cutsOf([{ min: 5, max: 7 }, ALL_PORTS]), [0, 5, 8])
  t.same(intersect({ min: 1, max: 5 }, { min: 5, max: 9 }), { min: 5, max: 5 })
  t.equal(intersect({ min: 1, max: 4 }, { min: 5, max: 9 }), undefined)
})

await t.test('an index finds the same parts of regions as looking at all of them', async t => {
  const sorted = (regions: readonly PortRectangle[]): string[] =>
    regions.map(region => JSON.stringify(region)).sort()
  let shorter = 0
  fc.assert(
    fc.property(rectangles, portRange, portRange, (some, source, destination) => {
      const regions = portRegions(some)
      const area = { source, destination }
      const index = new RegionIndex(regions)
      if (index.steps < regions.length) shorter++
      return sorted(index.clip(area)).join() === sorted(clip(regions, area)).join()
    }),
    { numRuns: 1_000 },
  )
  t.ok(shorter > 100, `${shorter} are searched`)
})

await t.test('ranges meet where they touch', async t => {
  t.ok(rangesMeet({ min: 0, max: 5 }, { min: 5, max: 9 }))
  t.ok(rangesMeet({ min: 5, max: 5 }, { min: 0, max: 9 }))
  t.notOk(rangesMeet({ min: 0, max: 4 }, { min: 5, max: 9 }))
  t.notOk(rangesMeet({ min: 6, max: 9 }, { min: 5, max: 5 }))
})
