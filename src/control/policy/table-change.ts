import { ACTIONS, type Action, type Rule } from '../../policy/rule.js'
import { ruleText } from '../../store/policy-body.js'

/** What tells a new table from the old one. */
export interface TableChange {
  /** Indexes in the old table, from 0, of rules that are gone. */
  readonly gone: Uint32Array
  /**
   * Rules that are still there but say something else to do, TURN_NUMBERS for each: the index in
   * the old table, and what it said and says, by their places in ACTIONS.
   */
  readonly turned: Uint32Array
  /**
   * How many rules are new, and how many kept their id but changed what they say. To stand on
   * another line of the same file is no change.
   */
  readonly added: number
  readonly changed: number
  /** True when the new table has the same rules in the same order. */
  readonly isNone: boolean
}

/** A rule that says something else to do from now on. */
export interface Turn {
  /** Its index in the old table. */
  readonly index: number
  readonly from: Action
  readonly to: Action
}

const TURN_NUMBERS = 3

/** Finds what of the old table is in the new one. */
export function changeOf(before: readonly Rule[], after: readonly Rule[]): TableChange {
  const head = sameHead(before, after)
  const tail = sameTail(before, after, Math.min(before.length, after.length) - head)
  const indexes = new Map<string, number>()
  for (let index = head; index < before.length - tail; index++) {
    indexes.set(before[index]!.id, index)
  }
  const turned: number[] = []
  let added = 0
  let changed = 0
  for (let place = head; place < after.length - tail; place++) {
    const rule = after[place]!
    const index = indexes.get(rule.id)
    if (index === undefined) {
      added++
      continue
    }
    indexes.delete(rule.id)
    const old = before[index]!
    if (isSameRule(old, rule)) continue
    changed++
    if (old.action === rule.action) continue
    turned.push(index, ACTIONS.indexOf(old.action), ACTIONS.indexOf(rule.action))
  }
  const gone = Uint32Array.from(indexes.values())
  const isNone =
    added + changed + gone.length === 0 && after.every(({ id }, i) => id === before[i]!.id)
  return { gone, turned: Uint32Array.from(turned), added, changed, isNone }
}

/** The rules that turned, one by one. */
export function* turnsOf({ turned }: Pick<TableChange, 'turned'>): Generator<Turn> {
  for (let i = 0; i < turned.length; i += TURN_NUMBERS) {
    const [index, from, to] = turned.subarray(i, i + TURN_NUMBERS)
    yield { index: index!, from: ACTIONS[from!]!, to: ACTIONS[to!]! }
  }
}

/** How many rules at the start an edit has left untouched: it keeps the very objects. */
function sameHead(before: readonly Rule[], after: readonly Rule[]): number {
  let count = 0
  while (count < before.length && before[count] === after[count]) count++
  return count
}

/** The same for the end, up to `max`. */
function sameTail(before: readonly Rule[], after: readonly Rule[], max: number): number {
  let count = 0
  while (count < max && before[before.length - 1 - count] === after[after.length - 1 - count]) {
    count++
  }
  return count
}

/** True for rules that say the same; the line they stand on in their file is none of it. */
function isSameRule(a: Rule, b: Rule): boolean {
  if (ruleText(a) === ruleText(b)) return true
  const { place: from, ...old } = a
  const { place: to, ...young } = b
  return from?.file === to?.file && isSame(old, young)
}

/** True when two plain values are the same field by field; one that is undefined is as none. */
export function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) !== Array.isArray(b)) return false
  const [left, right] = [new Map(Object.entries(a)), new Map(Object.entries(b))]
  for (const [field, value] of left) if (!isSame(value, right.get(field))) return false
  for (const [field, value] of right) if (value !== undefined && !left.has(field)) return false
  return true
}
