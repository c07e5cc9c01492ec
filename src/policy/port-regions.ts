import { PORT_ANY } from '../abi/addr.js'
import type { PortRectangle } from './port-index.js'
import type { PortRange } from './selector.js'

/** Pairs of ports for which the same rule comes first; position 0 is for no rule. */
export type PortRegion = PortRectangle

/**
 * Cuts the plane of (source port, destination port) into rectangles, each with the first of the
 * given ones that holds it. Together they are the whole plane, and none lies over another.
 * @param rectangles in rising order of position.
 */
export function portRegions(rectangles: readonly PortRectangle[]): PortRegion[] {
  const sourceCuts = cutsOf(rectangles.map(({ source }) => source))
  const destinationCuts = cutsOf(rectangles.map(({ destination }) => destination))
  const outerIsSource = sourceCuts.length <= destinationCuts.length
  const outerOf = (r: PortRectangle): PortRange => (outerIsSource ? r.source : r.destination)
  const innerOf = (r: PortRectangle): PortRange => (outerIsSource ? r.destination : r.source)
  const cuts = outerIsSource ? sourceCuts : destinationCuts

  const regions: PortRegion[] = []
  let slab: { min: number; max: number; steps: readonly Step[] } | undefined
  const finish = (): void => {
    for (const { min, max, position } of slab?.steps ?? []) {
      const outer = { min: slab!.min, max: slab!.max }
      const inner = { min, max }
      regions.push(
        outerIsSource
          ? { source: outer, destination: inner, position }
          : { source: inner, destination: outer, position },
      )
    }
  }
  for (const [index, min] of cuts.entries()) {
    const max = (cuts[index + 1] ?? PORT_ANY + 1) - 1
    const inSlab = rectangles.filter(r => outerOf(r).min <= min && max <= outerOf(r).max)
    const steps = firstSteps(inSlab.map(r => ({ ...innerOf(r), position: r.position })))
    if (slab !== undefined && equalSteps(slab.steps, steps)) {
      slab.max = max
    } else {
      finish()
      slab = { min, max, steps }
    }
  }
  finish()
  return regions
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

interface Step extends PortRange {
  readonly position: number
}

/** Which of the ranges, in rising order of position, is the first at each port. */
function firstSteps(ranges: readonly Step[]): Step[] {
  const cuts = cutsOf(ranges)
  const indexOf = new Map(cuts.map((cut, index) => [cut, index]))
  const first = new Array<number>(cuts.length).fill(0)
  let blank = cuts.length
  for (const { min, max, position } of ranges) {
    if (blank === 0) break
    const end = max < PORT_ANY ? indexOf.get(max + 1)! : cuts.length
    for (let i = indexOf.get(min)!; i < end; i++) {
      if (first[i] !== 0) continue
      first[i] = position
      blank--
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

function equalSteps(a: readonly Step[], b: readonly Step[]): boolean {
  return (
    a.length === b.length &&
    a.every((step, i) => step.min === b[i]!.min && step.position === b[i]!.position)
  )
}
