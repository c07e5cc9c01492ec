import type { Hypervisor } from '../../hypervisor/hypervisor.js'
import type { PolicyTable } from '../../policy/policy-table.js'
import { DEFAULT_ID } from '../../policy/rule.js'
import { COUNTS, type CountNumbers } from '../policy/rule-view.js'
import { nextTurn } from './next-turn.js'

/** Rules that are looked up before others get their turn. */
const RULES_PER_STEP = 200

type Counting = Pick<Hypervisor, 'policy' | 'ruleCounters'>

/** What some rules of a table have counted. */
export interface Counted {
  readonly policy: PolicyTable
  /** Of the rules in their order, and behind them of what no rule matched. */
  readonly numbers: CountNumbers
}

/**
 * What rules in force have counted; others get their turn meanwhile. When another table comes into
 * force meanwhile it is begun again: what is told is of one revision.
 * @param first the index of the first one, from 0.
 * @param count how many at most.
 */
export async function ruleCounts(
  hypervisor: Counting,
  first = 0,
  count = Infinity,
): Promise<Counted> {
  for (;;) {
    const { policy } = hypervisor
    const { list } = policy
    const rules = Math.max(0, Math.min(list.length - first, count))
    const numbers = new Float64Array((rules + 1) * COUNTS)
    for (let rule = 0; rule < rules && hypervisor.policy === policy; rule++) {
      if (rule > 0 && rule % RULES_PER_STEP === 0) await nextTurn()
      put(hypervisor, list.idAt(first + rule), numbers, rule)
    }
    if (hypervisor.policy !== policy) continue
    put(hypervisor, DEFAULT_ID, numbers, rules)
    return { policy, numbers }
  }
}

/** What one rule has counted. */
export function countsOf(hypervisor: Counting, id: string): CountNumbers {
  const numbers = new Float64Array(COUNTS)
  put(hypervisor, id, numbers, 0)
  return numbers
}

function put(
  { ruleCounters }: Pick<Counting, 'ruleCounters'>,
  id: string,
  numbers: CountNumbers,
  at: number,
): void {
  const counter = ruleCounters.get(id)
  if (counter === undefined) return
  const { hits, bytes, lastHit, audited, limited, quotaUsed, quotaSince } = counter
  numbers.set([hits, bytes, lastHit, audited, limited, quotaUsed, quotaSince], at * COUNTS)
}
