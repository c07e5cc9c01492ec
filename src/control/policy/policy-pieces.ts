import type { Action, Rule } from '../../policy/rule.js'
import { ruleText } from '../../store/policy-body.js'

/** Rules that travel between threads at a time: taking them in costs the other side under 1 ms. */
export const PIECE_RULES_MAX = 250

/** A stretch of the new table: rules that the old one has at `from`, or new ones. */
export type Stretch =
  | {
      readonly kind: 'kept'
      readonly from: number
      readonly count: number
      /** So many lines further down in their file, where it is not on the same ones. */
      readonly shift?: number
    }
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
  let kept: { kind: 'kept'; from: number; count: number; shift?: number } | undefined
  let fresh: Rule[] | undefined
  for (let place = head; place < after.length - tail; place++) {
    const rule = after[place]!
    const index = indexes.get(rule.id)
    indexes.delete(rule.id)
    const old = index === undefined ? undefined : before[index]!
    const shift = old === undefined ? undefined : shiftOf(old, rule)
    if (index !== undefined && shift !== undefined) {
      fresh = undefined
      if (kept !== undefined && isNext(kept, index, shift)) {
        kept.count++
      } else {
        kept = { kind: 'kept', from: index, count: 1, ...(shift !== 0 && { shift }) }
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

function isNext(
  { from, count, shift = 0 }: Extract<Stretch, { readonly kind: 'kept' }>,
  index: number,
  shiftOfIt: number,
): boolean {
  return from + count === index && shift === shiftOfIt
}

/** How many lines further down a rule stands that says the same; undefined when it says another. */
function shiftOf(before: Rule, after: Rule): number | undefined {
  if (ruleText(before) === ruleText(after)) return 0
  const { place: from, ...old } = before
  const { place: to, ...young } = after
  if (from?.file !== to?.file) return undefined
  if (!isSame(old, young)) return undefined
  return from === undefined ? 0 : to!.line - from.line
}

/** A rule that is so many lines further down. */
export function shifted(rule: Rule, shift: number): Rule {
  const place = rule.place!
  return { ...rule, place: { file: place.file, line: place.line + shift } }
}

function goneOf(
  before: readonly Rule[],
  indexes: ReadonlyMap<string, number>,
): TableChange['gone'] {
  return Array.from(indexes, ([id, index]) => ({ id, action: before[index]!.action }))
}

/** True when two plain values are the same field by field. */
export function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  const fields = Object.keys(a) as (keyof typeof a)[]
  if (fields.length !== Object.keys(b).length) return false
  return fields.every(field => field in b && isSame(a[field], b[field]))
}
