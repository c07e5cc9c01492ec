import { Membership } from './membership.js'
import { buildParts, PolicyTable, type TableParts } from './policy-table.js'
import type { Rule } from './rule.js'

/**
 * Makes a PolicyTable in slices, so that ten thousand rules do not keep datagrams waiting: call
 * `step` again and again, with time for others in between, until it gives the table.
 */
export class PolicyTableBuilder {
  readonly #revision: number
  readonly #rules: readonly Rule[]
  readonly #membership: Membership
  readonly #steps: Generator<undefined, TableParts>
  #table: PolicyTable | undefined

  /** @param rules in the order in which they are asked; they must not change meanwhile. */
  constructor(revision: number, rules: readonly Rule[], membership = new Membership()) {
    this.#revision = revision
    this.#rules = rules
    this.#membership = membership
    this.#steps = buildParts(revision, rules)
  }

  /**
   * Goes on for so many steps; a rule takes about five of them, and each some microseconds at
   * most.
   * @returns the table when it is done, the same each time.
   */
  step(steps: number): PolicyTable | undefined {
    for (let i = 0; i < steps && this.#table === undefined; i++) {
      const next = this.#steps.next()
      if (!next.done) continue
      this.#table = new PolicyTable(this.#revision, this.#rules, this.#membership, next.value)
    }
    return this.#table
  }
}
