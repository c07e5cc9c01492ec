import { longestRising } from './longest-rising.js'

/** Indexes into two lists. */
export interface OutOfOrder {
  readonly before: readonly number[]
  readonly after: readonly number[]
}

/**
 * What is left of two lists when a longest part that they have in common, in the same order, is
 * taken out; where something is in a list more than once, its first goes with the other's first.
 */
export function outOfOrder(before: readonly string[], after: readonly string[]): OutOfOrder {
  const indexesByKey = new Map<string, number[]>()
  for (const [index, key] of before.entries()) {
    const indexes = indexesByKey.get(key)
    if (indexes === undefined) indexesByKey.set(key, [index])
    else indexes.push(index)
  }
  const used = new Map<string, number>()
  const partners = after.map(key => {
    const nth = used.get(key) ?? 0
    used.set(key, nth + 1)
    return indexesByKey.get(key)?.[nth] ?? -1
  })
  const kept = longestRising(partners.filter(index => index >= 0))
  return {
    before: [...before.keys()].filter(index => !kept.has(index)),
    after: [...after.keys()].filter(index => !kept.has(partners[index]!)),
  }
}
