import { PORT_ANY } from '../abi/addr.js'
import type { PortRange } from './selector.js'

/** A rule's ports as a rectangle in the plane of (source port, destination port). */
export interface PortRectangle {
  readonly source: PortRange
  readonly destination: PortRange
  /** The rule's place in the table, 1 and up. */
  readonly position: number
}

/** Which rule comes first for a pair of ports. */
export interface PortIndex {
  /**
   * The smallest position below `bound` whose rectangle holds the point, else `bound`. Allocates
   * nothing.
   */
  lookup(sourcePort: number, destinationPort: number, bound: number): number
}

/** Up to so many rectangles are looked through one by one, which beats any index. */
const SCAN_MAX = 8
/** Plain steps of a loop that take about as long as one of `buildPortIndex`. */
const WORK = 64
/** Stands for "no rule" among positions; greater than all of them. */
const NO_POSITION = 0x7fffffff

/** Makes the index of some rectangles, given in rising order of position. */
export function portIndex(rectangles: readonly PortRectangle[]): PortIndex {
  const build = buildPortIndex(rectangles)
  let next = build.next()
  while (!next.done) next = build.next()
  return next.value
}

/** As `portIndex`, a little with each step: every step takes about as long. */
export function* buildPortIndex(
  rectangles: readonly PortRectangle[],
): Generator<undefined, PortIndex> {
  return fewPorts(rectangles) ?? (yield* PortTree.build(rectangles))
}

/** The index of a few rectangles, which takes no steps; undefined for more. */
export function fewPorts(rectangles: readonly PortRectangle[]): PortIndex | undefined {
  if (rectangles.length === 0) return NO_PORTS
  return rectangles.length <= SCAN_MAX ? new PortScan(rectangles) : undefined
}

class PortScan implements PortIndex {
  readonly #rectangles: readonly PortRectangle[]

  constructor(rectangles: readonly PortRectangle[]) {
    this.#rectangles = rectangles
  }

  lookup(sourcePort: number, destinationPort: number, bound: number): number {
    for (let i = 0; i < this.#rectangles.length; i++) {
      const { source, destination, position } = this.#rectangles[i]!
      if (position >= bound) return bound
      if (sourcePort < source.min || sourcePort > source.max) continue
      if (destinationPort < destination.min || destinationPort > destination.max) continue
      return position
    }
    return bound
  }
}

/** The index of no rectangle at all. */
const NO_PORTS: PortIndex = new PortScan([])

/**
 * A segment tree. The range ends on one axis, the outer one, cut it into slabs: the leaves. A
 * rectangle is kept at the O(log n) highest nodes that together make up its outer range, so all
 * rectangles that hold a point are found on the way from the point's leaf to the root:
 *
 *     node 1            |-----------------------|
 *     nodes 2, 3        |-----------|-----------|
 *     nodes 4 to 7      |-----|-----|-----|-----|
 *     outer slabs          0     1     2     3
 *
 * A node only has to say which of its rectangles comes first for an inner port. That is a step
 * function of at most 2k + 1 steps for k rectangles, and it is stored in place of them. So n
 * rectangles take O(n log n) memory however they overlap, and a lookup is one binary search a
 * level. The outer axis is the one with fewer slabs: where all rules say `*` on one side, there
 * is one slab, one node, and a single binary search.
 */
class PortTree implements PortIndex {
  readonly #outerIsSource: boolean
  /** Where each outer slab starts. */
  readonly #slabs: Uint32Array
  /** The steps of node n are those from `#first[n]` up to, not including, `#first[n + 1]`. */
  readonly #first: Int32Array
  /** Where each step starts on the inner axis. */
  readonly #starts: Uint32Array
  /** The first position on each step. */
  readonly #positions: Int32Array

  private constructor(outerIsSource: boolean, slabs: Uint32Array, first: Int32Array, steps: Steps) {
    this.#outerIsSource = outerIsSource
    this.#slabs = slabs
    this.#first = first
    this.#starts = steps.starts.slice(0, steps.count)
    this.#positions = steps.positions.slice(0, steps.count)
  }

  static *build(rectangles: readonly PortRectangle[]): Generator<undefined, PortTree> {
    const bySource = startsOf(rectangles.map(r => r.source))
    yield
    const byDestination = startsOf(rectangles.map(r => r.destination))
    yield
    const outerIsSource = bySource.length < byDestination.length
    const slabs = outerIsSource ? bySource : byDestination

    const lists = yield* distribute(rectangles, slabs, outerIsSource)
    // Every start and every end of a rectangle opens a step, and so does port 0.
    const stepsMax = lists.reduce((sum, list) => sum + 2 * list.length + 1, 0)
    const steps = {
      starts: new Uint32Array(stepsMax),
      positions: new Int32Array(stepsMax),
      count: 0,
    }
    const nodes = 2 * slabs.length
    const first = new Int32Array(nodes + 1)
    for (let node = 0; node < nodes; node++) {
      first[node] = steps.count
      const list = lists[node]
      if (list !== undefined) yield* addSteps(list, outerIsSource, steps)
      else if (node % WORK === 0) yield
    }
    first[nodes] = steps.count
    return new PortTree(outerIsSource, slabs, first, steps)
  }

  lookup(sourcePort: number, destinationPort: number, bound: number): number {
    const outer = this.#outerIsSource ? sourcePort : destinationPort
    const inner = this.#outerIsSource ? destinationPort : sourcePort
    const slabs = this.#slabs.length
    let best = bound
    for (let node = slabs + stepAt(this.#slabs, 0, slabs, outer); node > 0; node >>= 1) {
      const from = this.#first[node]!
      const to = this.#first[node + 1]!
      if (from === to) continue
      const position = this.#positions[stepAt(this.#starts, from, to, inner)]!
      if (position < best) best = position
    }
    return best
  }
}

/** The steps of the nodes so far, one node behind the other. */
interface Steps {
  readonly starts: Uint32Array
  readonly positions: Int32Array
  count: number
}

/** For each node, the rectangles that are kept there, in rising order of position. */
function* distribute(
  rectangles: readonly PortRectangle[],
  slabs: Uint32Array,
  outerIsSource: boolean,
): Generator<undefined, PortRectangle[][]> {
  const lists: PortRectangle[][] = []
  const keep = (node: number, rectangle: PortRectangle): void => {
    const list = lists[node]
    if (list === undefined) lists[node] = [rectangle]
    else list.push(rectangle)
  }
  for (const rectangle of rectangles) {
    const { min, max } = outerIsSource ? rectangle.source : rectangle.destination
    // Both ends climb; a node that hangs outside the range's parent is a part of the cover.
    let low = slabs.length + stepAt(slabs, 0, slabs.length, min)
    let high = slabs.length + stepAt(slabs, 0, slabs.length, max) + 1
    for (; low < high; low >>= 1, high >>= 1) {
      if (low & 1) keep(low++, rectangle)
      if (high & 1) keep(--high, rectangle)
    }
    yield
  }
  return lists
}

/** Writes the steps of one node behind those of the nodes before. */
function* addSteps(
  list: readonly PortRectangle[],
  outerIsSource: boolean,
  steps: Steps,
): Generator<undefined, void> {
  const ranges = list.map(r => (outerIsSource ? r.destination : r.source))
  const cuts = startsOf(ranges)
  const first = new Int32Array(cuts.length).fill(NO_POSITION)
  // The earliest rectangle paints its steps, the next one those that are still blank. A painted
  // step points past itself, so that a run of them is jumped over and each is painted once.
  const next = new Int32Array(cuts.length)
  for (let step = 0; step < next.length; step++) next[step] = step
  yield
  for (let i = 0; i < ranges.length; i++) {
    const { min, max } = ranges[i]!
    const last = stepAt(cuts, 0, cuts.length, max)
    let step = skip(next, stepAt(cuts, 0, cuts.length, min))
    while (step <= last) {
      first[step] = list[i]!.position
      next[step] = step + 1
      step = skip(next, step + 1)
    }
    if (i % 4 === 0) yield
  }
  let previous = 0
  for (let step = 0; step < first.length; step++) {
    if (step % WORK === 0) yield
    const position = first[step]!
    if (position === previous) continue
    steps.starts[steps.count] = cuts[step]!
    steps.positions[steps.count++] = position
    previous = position
  }
}

/** Where the stretches start that the ranges' ends cut the ports into; the first one is 0. */
function startsOf(ranges: readonly PortRange[]): Uint32Array {
  const starts = new Uint32Array(2 * ranges.length + 1)
  let count = 1
  for (const { min, max } of ranges) {
    starts[count++] = min
    if (max < PORT_ANY) starts[count++] = max + 1
  }
  const sorted = starts.subarray(0, count).sort()
  let kept = 1
  for (const start of sorted) {
    if (start !== sorted[kept - 1]) sorted[kept++] = start
  }
  return sorted.slice(0, kept)
}

/** The last of the steps from `from` up to `to` that starts at or before the port. */
function stepAt(starts: Uint32Array, from: number, to: number, port: number): number {
  let low = from
  let high = to
  while (high - low > 1) {
    const middle = (low + high) >>> 1
    if (starts[middle]! <= port) low = middle
    else high = middle
  }
  return low
}

/** The first blank step at or behind this one, or one past the last; shortens the path to it. */
function skip(next: Int32Array, step: number): number {
  let blank = step
  while (blank < next.length && next[blank] !== blank) blank = next[blank]!
  for (let at = step; at < blank;) {
    const after = next[at]!
    next[at] = blank
    at = after
  }
  return blank
}
