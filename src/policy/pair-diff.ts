import { outOfOrder } from './out-of-order.js'
import { ofType, type PairRules } from './pair-rules.js'
import type { Place } from './places.js'
import type { PortRectangle } from './port-index.js'
import { clip, portRegions, RegionIndex, sweepCost } from './port-regions.js'
import { formatRuleOption } from './rule-option.js'
import { DEFAULT_ID, lets, RULE_WORDS, type Action, type Rule, type RuleType } from './rule.js'
import type { PortRange } from './selector.js'

/** What a policy does with some datagrams. */
export interface Decision {
  readonly action: Action
  /** The id of the rule, or `default`. */
  readonly rule: string
  /** The action and the limits it goes with, such as `accept max_bytes 1000 rate 10/s`. */
  readonly effect: string
}

/** Ports on which two policies decide differently, between whomever it may be. */
export interface PortChange {
  readonly sourcePorts: PortRange
  readonly destinationPorts: PortRange
  /** any for both types. */
  readonly type: RuleType
  readonly before: Decision
  readonly after: Decision
  /** Whether they now get through and did not, or the other way round, or neither. */
  readonly kind: 'admitted' | 'refused' | 'changed'
}

/** The places of somebody before and after. */
export type Places = readonly [before: readonly Place[], after: readonly Place[]]

/** Of a pair about which nothing is said, so that looking at nothing has its end, too. */
const STEPS_PER_PAIR = 4
/** A step of a sweep over the ports takes as long as so many others. */
const STEPS_PER_SWEEP = 4
const EFFECT_FIELDS = ['maxBytes', 'rate', 'burst', 'flowRate', 'flowBurst', 'quota'] as const

/** What a rule does with a datagram, or what is done without one. */
export function decisionOf(rule: Rule | null): Decision {
  if (rule === null) return { action: 'reject', rule: DEFAULT_ID, effect: 'reject' }
  const limits = EFFECT_FIELDS.flatMap(field => {
    const value = formatRuleOption(field, rule)
    return value === undefined ? [] : `${RULE_WORDS[field]} ${value}`
  })
  return { action: rule.action, rule: rule.id, effect: [rule.action, ...limits].join(' ') }
}

/** What `PairDiff` compares. */
export interface Compared {
  readonly rules: PairRules
  /** Positions of rules that are not in the other policy, or not in the same order. */
  readonly changed: ReadonlySet<number>
}

/** Ports, and the positions of the rules that come first there. */
interface Difference {
  readonly source: PortRange
  readonly destination: PortRange
  readonly before: number
  readonly after: number
}

/** Finds where two policies decide differently about a pair, in no more than so many steps. */
export class PairDiff {
  readonly #before: Compared
  readonly #after: Compared
  /** What the rules do, the default first. */
  readonly #decisionsBefore: readonly Decision[]
  readonly #decisionsAfter: readonly Decision[]
  readonly #changes = new Map<string, PortChange>()
  #stepsLeft: number

  /** @param stepsMax about so many rectangles are looked at, over all pairs. */
  constructor(before: Compared, after: Compared, stepsMax: number) {
    this.#before = before
    this.#after = after
    const decisionsOf = ({ rules }: PairRules): Decision[] => [null, ...rules].map(decisionOf)
    this.#decisionsBefore = decisionsOf(before.rules)
    this.#decisionsAfter = decisionsOf(after.rules)
    this.#stepsLeft = stepsMax
  }

  /** True when no pair is looked at any more. */
  get isSpent(): boolean {
    return this.#stepsLeft <= 0
  }

  /**
   * All ports on which they decide differently, or undefined when that takes too many steps. The
   * same change is the same object, whichever pair it is found for.
   */
  between(from: Places, to: Places): PortChange[] | undefined {
    if (this.isSpent) return undefined
    const before = this.#before.rules.rectanglesBetween(from[0], to[0])
    const after = this.#after.rules.rectanglesBetween(from[1], to[1])
    this.#stepsLeft -= STEPS_PER_PAIR + before.length + after.length
    if ([...before, ...after].every(({ type }) => type === 'any')) {
      const found = this.#diff(before, after)
      return found && [...found].map(([text, each]) => this.#change(text, each, 'any'))
    }
    const dgrams = this.#diff(ofType(before, 'dgram'), ofType(after, 'dgram'))
    const streams = this.#diff(ofType(before, 'stream'), ofType(after, 'stream'))
    if (dgrams === undefined || streams === undefined) return undefined
    // What holds for both types is said once.
    const changes = [...dgrams].map(([text, each]) =>
      this.#change(text, each, streams.delete(text) ? 'any' : 'dgram'),
    )
    return [...changes, ...[...streams].map(([text, each]) => this.#change(text, each, 'stream'))]
  }

  /** Differences by their text; undefined when there is too much to look at. */
  #diff(
    before: readonly PortRectangle[],
    after: readonly PortRectangle[],
  ): Map<string, Difference> | undefined {
    const found = new Map<string, Difference>()
    const touched = this.#touched(before, after)
    if (touched.length === 0) return found
    if (!this.#spend(STEPS_PER_SWEEP * sweepCost(touched))) return undefined
    for (const area of portRegions(touched)) {
      if (area.position === 0) continue
      const [old, young] = [clip(before, area), clip(after, area)]
      const sweeps = STEPS_PER_SWEEP * (sweepCost(old) + sweepCost(young))
      if (!this.#spend(before.length + after.length + sweeps)) return undefined
      const oldRegions = clip(portRegions(old), area)
      const youngRegions = new RegionIndex(clip(portRegions(young), area))
      if (!this.#spend(oldRegions.length * youngRegions.steps)) return undefined
      for (const region of oldRegions) {
        const { effect } = this.#decisionsBefore[region.position]!
        for (const { source, destination, position } of youngRegions.clip(region)) {
          if (this.#decisionsAfter[position]!.effect === effect) continue
          const each = { source, destination, before: region.position, after: position }
          found.set(textOf(each), each)
        }
      }
    }
    return found
  }

  /**
   * Rectangles that are in one of the lists only, or in another order; all with position 1. What is
   * in both lists in the same order is decided alike wherever nothing else is, so only these are
   * looked at: after the edit of one rule among thousands that is little.
   */
  #touched(before: readonly PortRectangle[], after: readonly PortRectangle[]): PortRectangle[] {
    const isChanged =
      ({ changed }: Compared) =>
      ({ position }: PortRectangle): boolean =>
        changed.has(position)
    const old = split(before, isChanged(this.#before))
    const young = split(after, isChanged(this.#after))
    const touched = [...old.yes, ...young.yes, ...this.#outOfOrder(old.no, young.no)]
    return touched.map(rectangle => ({ ...rectangle, position: 1 }))
  }

  /** Of rules that both policies have in the same order, as not all need be about the same pairs. */
  #outOfOrder(before: readonly PortRectangle[], after: readonly PortRectangle[]): PortRectangle[] {
    const [old, young] = [this.#decisionsBefore, this.#decisionsAfter]
    const isSame =
      before.length === after.length &&
      before.every((each, index) => {
        const other = after[index]!
        return (
          equalPorts(each.source, other.source) &&
          equalPorts(each.destination, other.destination) &&
          old[each.position]!.effect === young[other.position]!.effect
        )
      })
    if (isSame) return []
    const keysOf = (list: readonly PortRectangle[], decisions: readonly Decision[]): string[] =>
      list.map(({ source, destination, position }) => {
        const ports = `${source.min}-${source.max} ${destination.min}-${destination.max}`
        return `${ports} ${decisions[position]!.effect}`
      })
    const rest = outOfOrder(keysOf(before, old), keysOf(after, young))
    return [...rest.before.map(index => before[index]!), ...rest.after.map(index => after[index]!)]
  }

  #change(text: string, found: Difference, type: RuleType): PortChange {
    const key = `${type} ${text}`
    let change = this.#changes.get(key)
    if (change === undefined) {
      const before = this.#decisionsBefore[found.before]!
      const after = this.#decisionsAfter[found.after]!
      const ports = { sourcePorts: found.source, destinationPorts: found.destination }
      change = { ...ports, type, before, after, kind: kindOf(before, after) }
      this.#changes.set(key, change)
    }
    return change
  }

  #spend(steps: number): boolean {
    if (steps > this.#stepsLeft) return false
    this.#stepsLeft -= steps
    return true
  }
}

function textOf({ source, destination, before, after }: Difference): string {
  return `${source.min}-${source.max} ${destination.min}-${destination.max} ${before} ${after}`
}

function kindOf(before: Decision, after: Decision): PortChange['kind'] {
  if (lets(before.action) === lets(after.action)) return 'changed'
  return lets(after.action) ? 'admitted' : 'refused'
}

function equalPorts(a: PortRange, b: PortRange): boolean {
  return a.min === b.min && a.max === b.max
}

function split<T>(all: readonly T[], is: (each: T) => boolean): { yes: T[]; no: T[] } {
  const yes: T[] = []
  const no: T[] = []
  for (const each of all) (is(each) ? yes : no).push(each)
  return { yes, no }
}
