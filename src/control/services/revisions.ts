import type { Hypervisor } from '../../hypervisor/hypervisor.js'
import { refuse, type Refusal } from '../../store/refusal.js'
import type { RevisionInfo, RevisionStore, Unconfirmed } from '../../store/revision-store.js'
import type { JsonBytes } from '../policy/json-bytes.js'
import type { KeptBody } from '../policy/policy-messages.js'
import type { PolicyTasks } from '../policy/policy-tasks.js'
import type { PolicyThread } from '../policy/policy-thread.js'
import type { ShownRules } from '../policy/rule-view.js'
import { NO_POLICY } from './meanwhile.js'
import { ruleCounts } from './rule-counts.js'

/** A policy as JSON. */
export interface PolicyJson {
  readonly revision: number
  readonly json: JsonBytes
}

/** What the policy in force says, and what those before it said that are kept. */
export class RevisionService {
  readonly #policies: RevisionStore
  readonly #hypervisor: Hypervisor
  readonly #thread: PolicyThread<PolicyTasks>

  constructor(policies: RevisionStore, hypervisor: Hypervisor, thread: PolicyThread<PolicyTasks>) {
    this.#policies = policies
    this.#hypervisor = hypervisor
    this.#thread = thread
  }

  /** The policy in force as JSON. */
  view(asDocuments: boolean): Promise<PolicyJson> {
    return this.#thread.call('view', asDocuments)
  }

  /**
   * Rules in force, as the JSON of a RuleList.
   * @param first the index of the first one, from 0.
   * @param count how many at most.
   */
  async list(first: number, count: number, shown: ShownRules): Promise<JsonBytes> {
    for (;;) {
      const { policy, numbers } = await ruleCounts(this.#hypervisor, first, count)
      const json = await this.#thread.call('list', policy.revision, first, numbers, shown)
      if (json !== undefined) return json
    }
  }

  /**
   * What a revision said, as JSON.
   * @returns ENOENT when it is not kept.
   * @throws StoreError 'corrupt' when it is not what was written.
   */
  async viewOf(
    revision: number,
    asDocuments: boolean,
  ): Promise<({ readonly ok: true } & PolicyJson) | Refusal<'ENOENT'>> {
    const body = this.bodyOf(revision)
    if (body === undefined) return notKept(revision)
    return { ok: true, ...(await this.#thread.call('view', asDocuments, body)) }
  }

  /** A revision's body, if it is kept; 0 is the empty policy. */
  bodyOf(revision: number): KeptBody | undefined {
    if (revision === 0) return { ...NO_POLICY, revision }
    const kept = this.#policies.get(revision)
    return kept && { revision, format: kept.format, body: kept.body }
  }

  /** Revisions from the newest back. */
  history(limit: number, before?: number): RevisionInfo[] {
    return this.#policies.history(limit, before)
  }

  /** The revision that waits to be confirmed, if one does. */
  unconfirmed(): Unconfirmed | undefined {
    return this.#policies.unconfirmed()
  }
}

/** The refusal of what needs a revision that is not kept. */
export function notKept(revision: number): Refusal<'ENOENT'> {
  return refuse('ENOENT', `revision ${revision} is not kept: the history lists those that are`)
}
