import type { Hypervisor } from '../../hypervisor/hypervisor.js'
import { DEFAULT_ID, type Action } from '../../policy/rule.js'
import type { VerdictCounts } from '../schemas/stats.js'

/**
 * What the policy has decided, by verdict. Rules come, go and change what they say, and their
 * counters with them; these totals only ever grow, so that a rate can be computed from them.
 */
export class VerdictTotals {
  readonly #hypervisor: Hypervisor
  /** What is to be added to the sums over the rules in force. */
  #carried = noCounts()

  constructor(hypervisor: Hypervisor) {
    this.#hypervisor = hypervisor
  }

  /** The totals now. */
  read(): VerdictCounts {
    return plus(this.#carried, this.#sumOfRules(), 1)
  }

  /** Runs a change of the rules and carries over what it takes away from their counters. */
  across(change: () => void): void {
    const before = this.#sumOfRules()
    change()
    this.#carried = plus(plus(this.#carried, before, 1), this.#sumOfRules(), -1)
  }

  #sumOfRules(): VerdictCounts {
    const { ruleCounters, policy } = this.#hypervisor
    const counts = noCounts()
    const add = (id: string, action: Action): void => {
      const counter = ruleCounters.get(id)
      if (counter === undefined) return
      counts[action].datagrams += counter.hits
      counts[action].bytes += counter.bytes
    }
    for (const rule of policy.rules) add(rule.id, rule.action)
    add(DEFAULT_ID, 'reject')
    return counts
  }
}

function noCounts(): VerdictCounts {
  return byAction(() => ({ datagrams: 0, bytes: 0 }))
}

function plus(a: VerdictCounts, b: VerdictCounts, sign: 1 | -1): VerdictCounts {
  return byAction(action => ({
    datagrams: a[action].datagrams + sign * b[action].datagrams,
    bytes: a[action].bytes + sign * b[action].bytes,
  }))
}

function byAction(count: (action: Action) => VerdictCounts[Action]): VerdictCounts {
  return {
    accept: count('accept'),
    reject: count('reject'),
    drop: count('drop'),
    audit: count('audit'),
    ask: count('ask'),
  }
}
