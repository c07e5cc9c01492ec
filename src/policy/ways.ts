import type { Rule } from './rule.js'
import type { Selector } from './selector.js'

/** One way of a rule; the way back has its sides swapped. */
export interface Way {
  readonly source: Selector
  readonly destination: Selector
}

/** The ways a rule speaks of: there, and back when it lets replies through. */
export function waysOf({ source, destination, replies }: Rule): Way[] {
  const there = { source, destination }
  return replies ? [there, { source: destination, destination: source }] : [there]
}
