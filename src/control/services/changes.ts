import type { ErrorCode } from '../../abi/errno.js'
import type { Refusal } from '../../store/refusal.js'
import type { Store } from '../../store/store.js'
import type { Cause } from './cause.js'

/** What the audit log says of a change. */
export interface Deed {
  /** Noun and verb: `rule.insert`. */
  readonly action: string
  readonly target: string
  readonly detail?: object | undefined
}

/**
 * How everything that admins do is done, but for changes of the policy: one transaction with the
 * change and its audit record, then the same in the hypervisor, before anything else can happen. A
 * refusal on the way undoes all of it, and so does a failure of the store, which leaves the
 * hypervisor as it was. Whoever tells of the change waits for the disk first, by `Store.synced`,
 * which holds up no datagram.
 */
export class Changes {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  /**
   * Makes a change that leaves the policy alone.
   * @param work changes the store.
   * @param deed what to write into the audit log about its outcome.
   * @param enforce changes the hypervisor, once the store has it.
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

  #commit<Done extends { readonly ok: true }, Code extends ErrorCode>(
    work: () => Done | Refusal<Code>,
  ): Done | Refusal<Code> {
    let refused: Refusal<Code> | undefined
    try {
      return this.#store.relaxed(() => {
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
