import { orderMatters } from './rule-meet.js'
import type { RuleChange } from './rule-diff.js'
import type { Rule } from './rule.js'

/** Rules of which nobody has said which are asked first, though it may matter. */
export interface OrderConflict {
  /** The ids of those that one side put there, and of those that the other did. */
  readonly theirs: readonly string[]
  readonly yours: readonly string[]
}

/** What two changes of a list of rules come to together. */
export interface MergedRules {
  /** Ids of rules that both changed, and not alike. */
  readonly both: readonly string[]
  readonly orders: readonly OrderConflict[]
  /** The rules then; of no use when there are conflicts. */
  readonly rules: readonly Rule[]
}

/** What one side made of the rules. */
export interface RuleSide {
  readonly rules: readonly Rule[]
  /** What tells them from the base, as `diffRules` has it. */
  readonly changes: readonly RuleChange[]
}

/** Pairs of rules, one put somewhere by each side, that are looked at. */
export const PAIRS_MAX = 4_000_000

/**
 * Makes two changes of a list of rules together. Rules that both sides leave where they are stand
 * like marks; what a side adds or moves goes between the marks where that side put it. Where both
 * put rules between the same two marks, or past each other, their order has to make no difference
 * to any datagram; else it is a conflict.
 */
export function mergeRules(base: readonly Rule[], theirs: RuleSide, yours: RuleSide): MergedRules {
  return new RuleMerge(base, theirs, yours).merge()
}

/** What a side says of the rules it changed. */
class Side {
  readonly rules: readonly Rule[]
  readonly byId: ReadonlyMap<string, Rule>
  readonly positions: ReadonlyMap<string, number>
  /** What its rules say that are new or say something else. */
  readonly texts = new Map<string, string>()
  readonly removed = new Set<string>()
  readonly moved = new Set<string>()
  /** Those that it added or moved. */
  readonly placed = new Set<string>()
  /** How many marks stand in front of a rule that is none. */
  readonly gaps = new Map<string, number>()

  constructor({ rules, changes }: RuleSide) {
    this.rules = rules
    this.byId = new Map(rules.map(rule => [rule.id, rule]))
    this.positions = new Map(rules.map(({ id }, index) => [id, index]))
    for (const change of changes) {
      const { kind, id } = change
      if (kind === 'removed') this.removed.add(id)
      if (kind === 'moved') this.moved.add(id)
      if (kind === 'moved' || kind === 'added') this.placed.add(id)
      if (kind === 'added' || kind === 'changed') this.texts.set(id, change.after)
    }
  }

  touches(id: string): boolean {
    return this.removed.has(id) || this.placed.has(id) || this.texts.has(id)
  }
}

class RuleMerge {
  readonly #base: readonly Rule[]
  readonly #theirs: Side
  readonly #yours: Side
  readonly #both = new Set<string>()
  readonly #orders: OrderConflict[] = []
  /** Marks in their order. */
  readonly #marks: readonly string[]
  /** Between which marks rules stood that both removed. */
  readonly #replaced = new Set<number>()

  constructor(base: readonly Rule[], theirs: RuleSide, yours: RuleSide) {
    this.#base = base
    this.#theirs = new Side(theirs)
    this.#yours = new Side(yours)
    const sides = [this.#theirs, this.#yours]
    this.#marks = base.flatMap(({ id }) =>
      sides.some(side => side.removed.has(id) || side.moved.has(id)) ? [] : id,
    )
    this.#findGaps()
    this.#findBoth()
  }

  merge(): MergedRules {
    const [theirs, yours] = [this.#placedIn(this.#theirs), this.#placedIn(this.#yours)]
    const rules: Rule[] = []
    for (let gap = 0; gap <= this.#marks.length; gap++) {
      const ids = this.#mergeGap(gap, theirs.get(gap) ?? [], yours.get(gap) ?? [])
      rules.push(...ids.map(id => this.#ruleOf(id)))
      const mark = this.#marks[gap]
      if (mark !== undefined) rules.push(this.#ruleOf(mark))
    }
    this.#findPast()
    return { both: [...this.#both], orders: this.#orders, rules }
  }

  #findGaps(): void {
    const marks = new Set(this.#marks)
    for (const side of [this.#theirs, this.#yours]) {
      let gap = 0
      for (const { id } of side.rules) {
        if (marks.has(id)) gap++
        else side.gaps.set(id, gap)
      }
    }
    let gap = 0
    for (const { id } of this.#base) {
      if (marks.has(id)) gap++
      else if (this.#theirs.removed.has(id) && this.#yours.removed.has(id)) this.#replaced.add(gap)
    }
  }

  #findBoth(): void {
    const [theirs, yours] = [this.#theirs, this.#yours]
    const touched = [...theirs.removed, ...theirs.placed, ...theirs.texts.keys()]
    for (const id of touched) if (yours.touches(id) && !this.#isAlike(id)) this.#both.add(id)
  }

  #isAlike(id: string): boolean {
    const [theirs, yours] = [this.#theirs, this.#yours]
    return (
      theirs.removed.has(id) === yours.removed.has(id) &&
      theirs.texts.get(id) === yours.texts.get(id) &&
      theirs.placed.has(id) === yours.placed.has(id) &&
      theirs.gaps.get(id) === yours.gaps.get(id)
    )
  }

  /** The rules that a side put somewhere, by gap, in its order. */
  #placedIn(side: Side): Map<number, string[]> {
    const placed = new Map<number, string[]>()
    for (const { id } of side.rules) {
      if (!side.placed.has(id) || this.#both.has(id)) continue
      const gap = side.gaps.get(id)!
      const ids = placed.get(gap)
      if (ids === undefined) placed.set(gap, [id])
      else ids.push(id)
    }
    return placed
  }

  /** Rules that stand between two marks: those that both put there come in both lists. */
  #mergeGap(gap: number, theirs: readonly string[], yours: readonly string[]): readonly string[] {
    if (theirs.length === 0) return yours
    if (yours.length === 0) return theirs
    const common = theirs.filter(id => this.#yours.placed.has(id))
    const others = yours.filter(id => this.#theirs.placed.has(id))
    if (common.some((id, index) => id !== others[index])) {
      this.#orders.push({ theirs: common, yours: others })
      return []
    }
    const merged: string[] = []
    let [t, y] = [0, 0]
    for (const id of [...common, undefined]) {
      const [tEnd, yEnd] =
        id === undefined
          ? [theirs.length, yours.length]
          : [theirs.indexOf(id, t), yours.indexOf(id, y)]
      const [first, second] = [theirs.slice(t, tEnd), yours.slice(y, yEnd)]
      this.#checkOrder(gap, first, second)
      merged.push(...first, ...second)
      if (id !== undefined) merged.push(id)
      t = tEnd + 1
      y = yEnd + 1
    }
    return merged
  }

  #checkOrder(gap: number, theirs: readonly string[], yours: readonly string[]): void {
    if (theirs.length === 0 || yours.length === 0) return
    // Two things in the place of one are rather two versions of it.
    if (this.#replaced.has(gap) || theirs.length * yours.length > PAIRS_MAX) {
      this.#orders.push({ theirs, yours })
      return
    }
    const meets = (a: string, b: string): boolean => orderMatters(this.#ruleOf(a), this.#ruleOf(b))
    const first = theirs.filter(a => yours.some(b => meets(a, b)))
    if (first.length === 0) return
    const second = yours.filter(b => first.some(a => meets(a, b)))
    this.#orders.push({ theirs: first, yours: second })
  }

  /** Rules that sides put past each other: one knows of both, and has them the other way round. */
  #findPast(): void {
    const [first, moved] = this.#onlyBy(this.#theirs, this.#yours)
    const [second, others] = this.#onlyBy(this.#yours, this.#theirs)
    // A side knows of both only when the other one moved its own.
    if (moved.size * second.length + (first.length - moved.size) * others.size > PAIRS_MAX) {
      this.#orders.push({ theirs: first, yours: second })
      return
    }
    for (const a of first) {
      for (const b of moved.has(a) ? second : others) {
        const by = this.#theirs.gaps.get(a)! - this.#yours.gaps.get(b)!
        // Between the same marks they have been looked at.
        if (by === 0 || !this.#isOtherwise(a, b, by < 0)) continue
        if (!orderMatters(this.#ruleOf(a), this.#ruleOf(b))) continue
        this.#orders.push({ theirs: [a], yours: [b] })
      }
    }
  }

  /** The rules that one side alone put somewhere, and those of them that it moved. */
  #onlyBy(side: Side, other: Side): [all: readonly string[], moved: ReadonlySet<string>] {
    const all = [...side.placed].filter(id => !other.placed.has(id) && !this.#both.has(id))
    return [all, new Set(all.filter(id => side.moved.has(id)))]
  }

  /** Whether a side has two rules in another order than this. */
  #isOtherwise(a: string, b: string, isFirst: boolean): boolean {
    return [this.#theirs, this.#yours].some(({ positions }) => {
      const [first, second] = [positions.get(a), positions.get(b)]
      return first !== undefined && second !== undefined && first < second !== isFirst
    })
  }

  /** A rule as whoever changed what it says has it. */
  #ruleOf(id: string): Rule {
    const [theirs, yours] = [this.#theirs, this.#yours]
    const rule = theirs.texts.has(id) && !yours.texts.has(id) ? undefined : yours.byId.get(id)
    return rule ?? theirs.byId.get(id)!
  }
}
