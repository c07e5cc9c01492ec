import { PORT_ANY } from '../abi/addr.js'
import type { PortRange } from './selector.js'
import { WordList } from './word-list.js'

/** A rule's ports as a rectangle in the plane of (source port, destination port). */
export interface PortRectangle {
  readonly source: PortRange
  readonly destination: PortRange
  /** The rule's place in the table, 1 and up. */
  readonly position: number
}

/** The place of the index of no rectangles among those that `addPortIndex` made. */
export const NO_PORTS = 0

/** Up to so many rectangles are looked through one by one, which beats any index. */
const SCAN_MAX = 8
/** Words of a rectangle in an index that is looked through: its four ports and its position. */
const RECTANGLE_WORDS = 5
/** Stands for "no rule" among positions; greater than all of them. */
const NO_POSITION = 0x7fffffff
/** What a tree starts with, in place of the number of rectangles to look through. */
const TREE_BY_SOURCE = 0xffffffff
const TREE_BY_DESTINATION = 0xfffffffe

/** Room for indexes, with that of no rectangles in it. */
export function portIndexes(): WordList {
  const indexes = new WordList()
  indexes.push(0)
  return indexes
}

/**
 * Adds the index of some rectangles, given in rising order of position.
 * @returns its place, for `lookupPorts`.
 */
export function addPortIndex(rectangles: readonly PortRectangle[], to: WordList): number {
  if (rectangles.length === 0) return NO_PORTS
  const at = to.length
  if (rectangles.length > SCAN_MAX) {
    addTree(rectangles, to)
    return at
  }
  to.push(rectangles.length)
  for (const { source, destination, position } of rectangles) {
    to.push(source.min)
    to.push(source.max)
    to.push(destination.min)
    to.push(destination.max)
    to.push(position)
  }
  return at
}

/**
 * The smallest position below `bound` whose rectangle holds the point, else `bound`. Allocates
 * nothing.
 * @param at the place of the index.
 */
export function lookupPorts(
  words: Uint32Array,
  at: number,
  sourcePort: number,
  destinationPort: number,
  bound: number,
): number {
  const head = words[at]!
  if (head === TREE_BY_SOURCE) return lookupTree(words, at + 1, sourcePort, destinationPort, bound)
  if (head === TREE_BY_DESTINATION) {
    return lookupTree(words, at + 1, destinationPort, sourcePort, bound)
  }
  const end = at + 1 + RECTANGLE_WORDS * head
  for (let i = at + 1; i < end; i += RECTANGLE_WORDS) {
    const position = words[i + 4]!
    if (position >= bound) return bound
    if (sourcePort < words[i]! || sourcePort > words[i + 1]!) continue
    if (destinationPort < words[i + 2]! || destinationPort > words[i + 3]!) continue
    return position
  }
  return bound
}

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
 *
 * Its words, behind the first that says which axis is the outer one: how many slabs there are, where
 * each of them starts, for each node and one more which step is its first, where each step starts
 * on the inner axis, and the first position on each step.
 */
function addTree(rectangles: readonly PortRectangle[], to: WordList): void {
  const bySource = startsOf(rectangles.map(r => r.source))
  const byDestination = startsOf(rectangles.map(r => r.destination))
  const outerIsSource = bySource.length < byDestination.length
  const slabs = outerIsSource ? bySource : byDestination
  const lists = distribute(rectangles, slabs, outerIsSource)
  const steps: Steps = { starts: new WordList(), positions: new WordList() }
  const nodes = 2 * slabs.length
  const first = new Uint32Array(nodes + 1)
  for (let node = 0; node < nodes; node++) {
    first[node] = steps.starts.length
    const list = lists[node]
    if (list !== undefined) addSteps(list, outerIsSource, steps)
  }
  first[nodes] = steps.starts.length
  to.push(outerIsSource ? TREE_BY_SOURCE : TREE_BY_DESTINATION)
  to.push(slabs.length)
  to.append(slabs)
  to.append(first)
  to.append(steps.starts.toArray())
  to.append(steps.positions.toArray())
}

function lookupTree(
  words: Uint32Array,
  at: number,
  outer: number,
  inner: number,
  bound: number,
): number {
  const slabCount = words[at]!
  const slabs = at + 1
  const first = slabs + slabCount
  const starts = first + 2 * slabCount + 1
  const positions = starts + words[starts - 1]!
  let best = bound
  let node = slabCount + stepAt(words, slabs, first, outer) - slabs
  for (; node > 0; node >>= 1) {
    const from = starts + words[first + node]!
    const to = starts + words[first + node + 1]!
    if (from === to) continue
    const position = words[positions + stepAt(words, from, to, inner) - starts]!
    if (position < best) best = position
  }
  return best
}

/** The steps of the nodes so far, one node behind the other. */
interface Steps {
  readonly starts: WordList
  readonly positions: WordList
}

/** For each node, the rectangles that are kept there, in rising order of position. */
function distribute(
  rectangles: readonly PortRectangle[],
  slabs: Uint32Array,
  outerIsSource: boolean,
): PortRectangle[][] {
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
  }
  return lists
}

/** Writes the steps of one node behind those of the nodes before. */
function addSteps(list: readonly PortRectangle[], outerIsSource: boolean, steps: Steps): void {
  const ranges = list.map(r => (outerIsSource ? r.destination : r.source))
  const cuts = startsOf(ranges)
  const first = new Int32Array(cuts.length).fill(NO_POSITION)
  // The earliest rectangle paints its steps, the next one those that are still blank. A painted
  // step points past itself, so that a run of them is jumped over and each is painted once.
  const next = new Int32Array(cuts.length)
  for (let step = 0; step < next.length; step++) next[step] = step
  for (let i = 0; i < ranges.length; i++) {
    const { min, max } = ranges[i]!
    const last = stepAt(cuts, 0, cuts.length, max)
    let step = skip(next, stepAt(cuts, 0, cuts.length, min))
    while (step <= last) {
      first[step] = list[i]!.position
      next[step] = step + 1
      step = skip(next, step + 1)
    }
  }
  let previous = 0
  for (let step = 0; step < first.length; step++) {
    const position = first[step]!
    if (position === previous) continue
    steps.starts.push(cuts[step]!)
    steps.positions.push(position)
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
