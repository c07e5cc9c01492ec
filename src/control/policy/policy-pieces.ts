import type { Action, Rule } from '../../policy/rule.js'
import { ruleText } from '../../store/policy-body.js'

/** Rules that travel between threads at a time: taking them in costs the other side under 1 ms. */
export const PIECE_RULES_MAX = 250

/** A stretch of the new table: rules that the old one has at `from`, or new ones. */
export type Stretch =
  | { readonly kind: 'kept'; readonly from: number; readonly count: number }
  | { readonly kind: 'new'; readonly rules: readonly Rule[] }

/** How a new table comes out of an old one. */
export interface TableChange {
  readonly stretches: readonly Stretch[]
  /** Rules that are gone. */
  readonly gone: readonly { readonly id: string; readonly action: Action }[]
  /** Rules that are still there but say something else to do. */
  readonly turned: readonly { readonly id: string; readonly from: Action; readonly to: Action }[]
  /** How many rules are new, and how many kept their id but changed what they say. */
  readonly added: number
  readonly changed: number
}

/** Finds what of the old table is in the new one, so that only the rest has to travel. */
export function changeOf(before: readonly Rule[], after: readonly Rule[]): TableChange {
  const head = sameHead(before, after)
  const tail = sameTail(before, after, Math.min(before.length, after.length) - head)
  const indexes = new Map<string, number>()
  for (let index = head; index < before.length - tail; index++) {
    indexes.set(before[index]!.id, index)
  }
  const stretches: Stretch[] = []
  if (head > 0) stretches.push({ kind: 'kept', from: 0, count: head })
  const turned: { id: string; from: Action; to: Action }[] = []
  let added = 0
  let changed = 0
  let kept: { kind: 'kept'; from: number; count: number } | undefined
  let fresh: Rule[] | undefined
  for (let place = head; place < after.length - tail; place++) {
    const rule = after[place]!
    const index = indexes.get(rule.id)
    indexes.delete(rule.id)
    const old = index === undefined ? undefined : before[index]!
    if (index !== undefined && old !== undefined && isSameRule(old, rule)) {
      fresh = undefined
      if (kept !== undefined && kept.from + kept.count === index) {
        kept.count++
      } else {
        kept = { kind: 'kept', from: index, count: 1 }
        stretches.push(kept)
      }
      continue
    }
    if (old === undefined) added++
    else changed++
    if (old !== undefined && old.action !== rule.action) {
      turned.push({ id: rule.id, from: old.action, to: rule.action })
    }
    kept = undefined
    if (fresh === undefined || fresh.length >= PIECE_RULES_MAX) {
      fresh = []
      stretches.push({ kind: 'new', rules: fresh })
    }
    fresh.push(rule)
  }
  if (tail > 0) stretches.push({ kind: 'kept', from: before.length - tail, count: tail })
  return { stretches, gone: goneOf(before, indexes), turned, added, changed }
}

/** True when the new table is all of the old one, which has so many rules, as it is. */
export function isWhole({ stretches, gone }: TableChange, rules: number): boolean {
  if (gone.length > 0 || stretches.length > 1) return false
  const [only] = stretches
  if (only === undefined) return rules === 0
  return only.kind === 'kept' && only.from === 0 && only.count === rules
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

function isSameRule(a: Rule, b: Rule): boolean {
  return ruleText(a) === ruleText(b) || isSame(a, b)
}

function goneOf(
  before: readonly Rule[],
  indexes: ReadonlyMap<string, number>,
): TableChange['gone'] {
  return Array.from(indexes, ([id, index]) => ({ id, action: before[index]!.action }))
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
