import { rangesMeet } from './port-regions.js'
import { CONTROL_NAME } from '../abi/addr.js'
import { hasLimits, type RuleBody } from './rule.js'
import type { Selector } from './selector.js'

/**
 * Whether it may matter which of two rules is asked first: some datagram can match both, and fares
 * otherwise by the one than by the other. Who has a tag or is in a set is not asked, since that
 * changes: for them anything is taken to be so that can be so.
 */
export function orderMatters(a: RuleBody, b: RuleBody): boolean {
  if (a.action === b.action && !hasLimits(a) && !hasLimits(b)) return false
  return canMeet(a, b)
}

/** Whether there can be a datagram that matches both rules. */
export function canMeet(a: RuleBody, b: RuleBody): boolean {
  if (a.type !== 'any' && b.type !== 'any' && a.type !== b.type) return false
  const across = a.replies || b.replies
  return (
    (endsMeet(a.source, b.source) && endsMeet(a.destination, b.destination)) ||
    (across && endsMeet(a.source, b.destination) && endsMeet(a.destination, b.source))
  )
}

function endsMeet(a: Selector, b: Selector): boolean {
  return rangesMeet(a.ports, b.ports) && partiesMeet(a, b)
}

function partiesMeet(a: Selector, b: Selector): boolean {
  if (a.kind === 'name' && b.kind === 'name') return a.name === b.name
  // Nothing but its own name means the control domain.
  return !isControl(a) && !isControl(b)
}

function isControl(selector: Selector): boolean {
  return selector.kind === 'name' && selector.name === CONTROL_NAME
}
