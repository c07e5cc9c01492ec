import { PORT_ANY } from '../abi/addr.js'
import type { PortRectangle } from './port-index.js'
import type { PortRange } from './selector.js'

/** So few regions are looked through one by one. */
const SCAN_MAX = 16

/** Pairs of ports for which the same rule comes first; position 0 is for no rule. */
export type PortRegion = PortRectangle

/**
 * Cuts the plane of (source port, destination port) into rectangles, each with the first of the
 * given ones that holds it. Together they are the whole plane, and none lies over another.
 * @param rectangles in rising order of position.
 */
export function portRegions(rectangles: readonly PortRectangle[]): PortRegion[] {
  const cutting = new Cutting(rectangles)
  const regions: PortRegion[] = []
  let open: { min: number; max: number; steps: readonly Step[] } | undefined
  const finish = (): void => {
    for (const { min, max, position } of open?.steps ?? []) {
      const outer = { min: open!.min, max: open!.max }
      const inner = { min, max }
      regions.push(
        cutting.outerIsSource
          ? { source: outer, destination: inner, position }
          : { source: inner, destination: outer, position },
      )
    }
  }
  for (const slab of cutting.slabs()) {
    if (open !== undefined && equalSteps(open.steps, slab.steps)) {
      open.max = slab.max
    } else {
      finish()
      open = { ...slab }
    }
  }
  finish()
  return regions
}

/** The positions of those rectangles that come first anywhere. */
export function firstAnywhere(rectangles: readonly PortRectangle[]): Set<number> {
  const found = new Set<number>()
  for (const { steps } of new Cutting(rectangles).slabs()) {
    for (const { position } of steps) found.add(position)
  }
  return found
}

/** About how many steps `portRegions` and `firstAnywhere` take. */
export function sweepCost(rectangles: readonly PortRectangle[]): number {
  const sourceCuts = cutsOf(rectangles.map(({ source }) => source)).length
  const destinationCuts = cutsOf(rectangles.map(({ destination }) => destination)).length
  return rectangles.length * Math.min(sourceCuts, destinationCuts)
}

/** The parts of rectangles that lie in an area. */
export function clip(
  rectangles: readonly PortRectangle[],
  area: Pick<PortRectangle, 'source' | 'destination'>,
): PortRectangle[] {
  return rectangles.flatMap(({ source, destination, position }) => {
    const s = intersect(source, area.source)
    const d = s && intersect(destination, area.destination)
    return d === undefined ? [] : { source: s!, destination: d, position }
  })
}

/** Finds, among regions none of which lies over another, those that an area has a part in. */
export class RegionIndex {
  readonly #regions: readonly PortRegion[]
  readonly #outerIsSource: boolean = true
  /** Regions with the same outer range, in rising order of the inner one; none of few regions. */
  readonly #rows: readonly (readonly PortRegion[])[] = []

  constructor(regions: readonly PortRegion[]) {
    this.#regions = regions
    if (regions.length <= SCAN_MAX) return
    const bySource = rowsOf(regions, 'source')
    const byDestination = rowsOf(regions, 'destination')
    this.#outerIsSource = bySource.length <= byDestination.length
    const rows = this.#outerIsSource ? bySource : byDestination
    for (const row of rows) row.sort((a, b) => this.#inner(a).min - this.#inner(b).min)
    this.#rows = rows
  }

  /** About how many steps a search takes. */
  get steps(): number {
    return this.#rows.length === 0 ? this.#regions.length : this.#rows.length
  }

  /** The parts of regions that lie in an area. */
  clip(area: Pick<PortRectangle, 'source' | 'destination'>): PortRegion[] {
    if (this.#rows.length === 0) return clip(this.#regions, area)
    const { min, max } = this.#inner(area)
    const [from, to] = this.#outerIsSource
      ? [area.source.min, area.source.max]
      : [area.destination.min, area.destination.max]
    return this.#rows.flatMap(row => {
      const outer = this.#outerIsSource ? row[0]!.source : row[0]!.destination
      if (outer.max < from || outer.min > to) return []
      const first = firstAtLeast(row.length, index => this.#inner(row[index]!).max >= min)
      const end = firstAtLeast(row.length, index => this.#inner(row[index]!).min > max)
      return clip(row.slice(first, end), area)
    })
  }

  #inner(region: Pick<PortRectangle, 'source' | 'destination'>): PortRange {
    return this.#outerIsSource ? region.destination : region.source
  }
}

function rowsOf(regions: readonly PortRegion[], outer: 'source' | 'destination'): PortRegion[][] {
  const rows = new Map<string, PortRegion[]>()
  for (const region of regions) {
    const key = `${region[outer].min}-${region[outer].max}`
    const row = rows.get(key)
    if (row === undefined) rows.set(key, [region])
    else row.push(region)
  }
  return [...rows.values()]
}

/** The first of so many indexes of which something holds, as it does of all behind it. */
function firstAtLeast(length: number, holds: (index: number) => boolean): number {
  let low = 0
  let high = length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (holds(middle)) high = middle
    else low = middle + 1
  }
  return low
}

/** True when some port is in both ranges. */
export function rangesMeet(a: PortRange, b: PortRange): boolean {
  return a.min <= b.max && b.min <= a.max
}

/** The ports that are in both ranges, if there are any. */
export function intersect(a: PortRange, b: PortRange): PortRange | undefined {
  const min = Math.max(a.min, b.min)
  const max = Math.min(a.max, b.max)
  return min <= max ? { min, max } : undefined
}

/** Where a stretch starts, if the ranges' ends cut all ports into stretches; the first is 0. */
export function cutsOf(ranges: readonly PortRange[]): number[] {
  const cuts = new Set([0])
  for (const { min, max } of ranges) {
    cuts.add(min)
    if (max < PORT_ANY) cuts.add(max + 1)
  }
  return [...cuts].sort((a, b) => a - b)
}

/** Ports of the inner axis at which the same rectangle comes first; 0 for none. */
interface Step extends PortRange {
  readonly position: number
}

/** A stretch of the outer axis in which nothing changes along it. */
interface Slab extends PortRange {
  readonly steps: readonly Step[]
}

/** A sweep over the plane along the axis with fewer cuts, the outer one. */
class Cutting {
  readonly outerIsSource: boolean
  readonly #rectangles: readonly PortRectangle[]
  readonly #cuts: readonly number[]

  constructor(rectangles: readonly PortRectangle[]) {
    const sourceCuts = cutsOf(rectangles.map(({ source }) => source))
    const destinationCuts = cutsOf(rectangles.map(({ destination }) => destination))
    this.outerIsSource = sourceCuts.length <= destinationCuts.length
    this.#rectangles = rectangles
    this.#cuts = this.outerIsSource ? sourceCuts : destinationCuts
  }

  *slabs(): Generator<Slab> {
    const starting = new Map<number, PortRectangle[]>()
    const outerOf = (r: PortRectangle): PortRange => (this.outerIsSource ? r.source : r.destination)
    for (const rectangle of this.#rectangles) {
      const { min } = outerOf(rectangle)
      const list = starting.get(min)
      if (list === undefined) starting.set(min, [rectangle])
      else list.push(rectangle)
    }
    let active: PortRectangle[] = []
    for (const [index, min] of this.#cuts.entries()) {
      const max = (this.#cuts[index + 1] ?? PORT_ANY + 1) - 1
      const started = starting.get(min)
      active = active.filter(r => outerOf(r).max >= min)
      if (started !== undefined) {
        active = [...active, ...started].sort((a, b) => a.position - b.position)
      }
      yield { min, max, steps: this.#steps(active) }
    }
  }

  /** Which of the rectangles, in rising order of position, is the first along the inner axis. */
  #steps(rectangles: readonly PortRectangle[]): Step[] {
    const ranges = rectangles.map(r => (this.outerIsSource ? r.destination : r.source))
    const cuts = cutsOf(ranges)
    const indexOf = new Map(cuts.map((cut, index) => [cut, index]))
    const first = new Int32Array(cuts.length)
    // A painted stretch points past itself, so that a run of them is jumped over.
    const next = Int32Array.from({ length: cuts.length + 1 }, (_, index) => index)
    const blankFrom = (index: number): number => {
      let blank = index
      while (next[blank] !== blank) {
        next[blank] = next[next[blank]!]!
        blank = next[blank]!
      }
      return blank
    }
    for (const [i, { min, max }] of ranges.entries()) {
      const end = max < PORT_ANY ? indexOf.get(max + 1)! : cuts.length
      for (let at = blankFrom(indexOf.get(min)!); at < end; at = blankFrom(at)) {
        first[at] = rectangles[i]!.position
        next[at] = at + 1
      }
    }
    const steps: Step[] = []
    for (const [index, min] of cuts.entries()) {
      const max = (cuts[index + 1] ?? PORT_ANY + 1) - 1
      const position = first[index]!
      const last = steps.at(-1)
      if (last?.position === position) steps[steps.length - 1] = { ...last, max }
      else steps.push({ min, max, position })
    }
    return steps
  }
}

function equalSteps(a: readonly Step[], b: readonly Step[]): boolean {
  return (
    a.length === b.length &&
    a.every((step, i) => step.min === b[i]!.min && step.position === b[i]!.position)
  )
}
