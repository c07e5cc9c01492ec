import type { ErrorCode } from '../../abi/errno.js'
import type { Hypervisor } from '../../hypervisor/hypervisor.js'
import { PolicyTable } from '../../policy/policy-table.js'
import type { Refusal } from '../../store/refusal.js'
import type { Change, RulesChanged } from '../../store/rule-store.js'
import type { Store } from '../../store/store.js'
import { assert } from '../../util/assert.js'
import type { Cause } from './cause.js'
import type { VerdictTotals } from './verdict-totals.js'

/** What the audit log says of a change. */
export interface Deed {
  /** Noun and verb: `rule.insert`. */
  readonly action: string
  readonly target: string
  readonly detail?: object | undefined
}

/**
 * How everything that admins do is done: one transaction with the change and its audit record,
 * then the same in the hypervisor, before anything else can happen. A refusal on the way undoes
 * all of it, and so does a failure of the store, which leaves the hypervisor as it was.
 */
export class Changes {
  readonly #store: Store
  readonly #hypervisor: Hypervisor
  readonly #totals: VerdictTotals

  constructor(store: Store, hypervisor: Hypervisor, totals: VerdictTotals) {
    this.#store = store
    this.#hypervisor = hypervisor
    this.#totals = totals
  }

  /**
   * Makes a change that leaves the rules alone.
   * @param work changes the store.
   * @param deed what to write into the audit log about its outcome.
   * @param enforce changes the hypervisor, once the store has it for good.
   */
  make<Done extends { readonly ok: true }, Code extends ErrorCode>(
    cause: Cause,
    work: () => Done | Refusal<Code>,
    deed: (done: Done) => Deed,
    enforce: (done: Done) => void = () => undefined,
  ): Done | Refusal<Code> {
    const outcome = this.#commit(() => {
      const done = work()
      if (done.ok) this.#store.audit.append({ ...cause, ...deed(done) })
      return done
    })
    if (outcome.ok) enforce(outcome)
    return outcome
  }

  /**
   * Makes a change of the rules and puts the new table in force. The table is compiled before the
   * transaction commits, so what can't be enforced is never stored.
   * @param work changes the rules in the store.
   */
  makeOfRules<Done extends RulesChanged, Code extends ErrorCode>(
    cause: Cause,
    work: (change: Change) => Done | Refusal<Code>,
    deed: (done: Done) => Deed,
  ): Done | Refusal<Code> {
    const { rules, audit } = this.#store
    let table: PolicyTable | undefined
    const outcome = this.#commit(() => {
      const revisionBefore = rules.currentRevision()
      const { actor, reason, ifRevision } = cause
      const done = work({ author: actor, reason, ifRevision })
      if (!done.ok) return done
      const loaded = rules.load()
      table = new PolicyTable(loaded.revision, loaded.rules)
      const revisionAfter = done.revision
      audit.append({ actor, reason, ...deed(done), revisionBefore, revisionAfter })
      return done
    })
    if (!outcome.ok) return outcome
    assert(table?.revision === outcome.revision, 'the table compiled is the one that was stored')
    this.#enforce(table)
    return outcome
  }

  #enforce(table: PolicyTable): void {
    const hypervisor = this.#hypervisor
    this.#totals.across(() => {
      const kept = new Set(table.rules.map(rule => rule.id))
      const gone = hypervisor.policy.rules.filter(rule => !kept.has(rule.id))
      hypervisor.setPolicy(table)
      for (const rule of gone) hypervisor.dropRuleCounter(rule.id)
    })
  }

  #commit<Done extends { readonly ok: true }, Code extends ErrorCode>(
    work: () => Done | Refusal<Code>,
  ): Done | Refusal<Code> {
    let refused: Refusal<Code> | undefined
    try {
      return this.#store.transaction(() => {
        const outcome = work()
        if (outcome.ok) return outcome
        refused = outcome
        throw new Undo()
      })
    } catch (error) {
      if (error instanceof Undo && refused !== undefined) return refused
      throw error
    }
  }
}

/** Thrown through a transaction to undo what was done before a refusal in it. */
class Undo extends Error {}
