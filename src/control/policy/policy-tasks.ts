import { refuse } from '../../store/refusal.js'
import { hashOf } from '../../store/revision-store.js'
import {
  BODY_FORMAT,
  EMPTY_POLICY,
  encodePolicy,
  type KeptPolicy,
} from '../../store/policy-body.js'
import { DomainTasks } from './domain-tasks.js'
import { jsonBytes, type JsonBytes } from './json-bytes.js'
import { policyOf, unpacked } from './kept-policies.js'
import { makePolicy, type Made } from './made-policy.js'
import { packTable } from './packed-table.js'
import { comparisonOf, type Comparison } from './policy-comparison.js'
import { replacePolicy, type EditContext } from './policy-edit.js'
import { documentsOf, policyJson } from './policy-json.js'
import { mergeWith } from './policy-merge.js'
import type {
  KeptBody,
  Meanwhile,
  PolicyEdit,
  Prepared,
  PrepareOptions,
  PrepareRefusal,
  Setting,
} from './policy-messages.js'
import { refuseFailing, testReport } from './policy-plan.js'
import type { StaleRefusal } from './policy-request.js'
import { COUNTS, ruleListOf, type CountNumbers, type ShownRules } from './rule-view.js'
import { changeOf, isSame } from './table-change.js'

/**
 * The work of a change of the policy that takes long, and therefore is done in a thread of its own:
 * reading, checking, testing, comparing, packing. It knows the policy in force, and one candidate to
 * follow it.
 */
export class PolicyTasks extends DomainTasks {
  readonly #rulesMax: number
  #inForce: KeptPolicy
  #revision: number
  #lastRuleNumber: number
  #candidate: { policy: KeptPolicy; lastRuleNumber: number } | undefined

  constructor({ inForce, revision, lastRuleNumber, rulesMax }: Setting) {
    super()
    this.#revision = revision
    this.#rulesMax = rulesMax
    this.#lastRuleNumber = lastRuleNumber
    this.#inForce = inForce === undefined ? EMPTY_POLICY : unpacked(inForce)
  }

  /**
   * The policy in force, or that of another revision, as JSON that `PUT` takes back.
   * @param asDocuments as they were given, or one that is written from the rules.
   */
  view(asDocuments: boolean, of?: KeptBody): { revision: number; json: JsonBytes } {
    const policy = of === undefined ? this.#inForce : unpacked(of)
    const revision = of?.revision ?? this.#revision
    const said = asDocuments ? { documents: documentsOf(policy) } : policyJson(policy)
    return { revision, json: jsonBytes({ revision, ...said }) }
  }

  /**
   * Rules in force with what they have counted, as the JSON of a RuleList; undefined when those of
   * this revision are not in force any more.
   * @param first the index of the first one, from 0.
   * @param counted of as many rules as are wanted, and of what no rule matched.
   */
  list(
    revision: number,
    first: number,
    counted: CountNumbers,
    shown: ShownRules,
  ): JsonBytes | undefined {
    if (revision !== this.#revision) return undefined
    const { rules } = this.#inForce
    const some = rules.slice(first, first + counted.length / COUNTS - 1)
    return jsonBytes(ruleListOf(revision, rules.length, some, first, counted, shown))
  }

  /**
   * Makes an edit of the policy in force into a candidate.
   * @param meanwhile for an edit that was made for another revision, to be merged with what others
   *   changed since.
   */
  prepare(
    edit: PolicyEdit,
    options: PrepareOptions,
    meanwhile?: Meanwhile,
  ): Prepared | PrepareRefusal | StaleRefusal {
    this.#candidate = undefined
    const made =
      meanwhile === undefined
        ? this.#make(edit, this.#inForce, options.now)
        : this.#merge(edit, meanwhile, options.now)
    if (!made.ok) return made
    const { policy, lastRuleNumber } = made
    if (!options.skipTests) {
      const judged = isOfOneRule(edit) ? { ...policy, tests: this.#inForce.tests } : policy
      const refusal = refuseFailing(testReport(judged, this.surroundings(options.now)))
      if (refusal !== undefined) return refusal
    }
    this.#candidate = { policy, lastRuleNumber }
    const body = encodePolicy(policy)
    const change = changeOf(this.#inForce.rules, policy.rules)
    const sameSets = isSame(policy.sets, this.#inForce.sets)
    const sameTags = isSame(policy.tags, this.#inForce.tags)
    return {
      ok: true,
      ifRevision: made.ifRevision,
      mergedFrom: meanwhile?.base,
      reason: made.reason,
      id: made.id,
      format: BODY_FORMAT,
      body,
      hash: hashOf(body),
      lastRuleNumber,
      table: packTable(policy.rules),
      sets: sameSets ? undefined : policy.sets,
      tags: sameTags ? undefined : policy.tags,
      change,
      isUnchanged:
        change.isNone &&
        sameSets &&
        sameTags &&
        isSame(policy.tests, this.#inForce.tests) &&
        // Documents that can not follow an edit of a rule go, but not for nothing.
        (edit.kind === 'update' || isSame(policy.documents, this.#inForce.documents)),
    }
  }

  /**
   * What others changed since the revision that an edit was made for, beside what it changes.
   * @param edit of that revision; the candidate when left out.
   */
  compare(edit: PolicyEdit | undefined, meanwhile: Meanwhile, now: number): Comparison {
    const { base, revisions, bodies } = meanwhile
    const before = policyOf(meanwhile.body)
    const from = typeof before === 'string' ? this.#inForce : before
    const made = edit === undefined ? this.#candidate! : this.#make(edit, from, now)
    return comparisonOf({
      base,
      current: this.#revision,
      revisions,
      between: bodies.flatMap(({ revision, ...body }) => {
        const policy = policyOf(body)
        return typeof policy === 'string' ? [] : { revision, policy }
      }),
      before,
      inForce: this.#inForce,
      after: 'policy' in made ? made.policy : made.message,
    })
  }

  /** The candidate is in force now, as this revision. @returns false when there is none. */
  adopt(revision: number): boolean {
    if (this.#candidate === undefined) return false
    this.#revision = revision
    this.#inForce = this.#candidate.policy
    this.#lastRuleNumber = this.#candidate.lastRuleNumber
    this.#candidate = undefined
    return true
  }

  /** The candidate will not come into force. */
  discard(): void {
    this.#candidate = undefined
  }

  #make(edit: PolicyEdit, before: KeptPolicy, now: number): Made | PrepareRefusal {
    return makePolicy(edit, before, this.#context(now))
  }

  /** An edit that was made for another revision, with what others changed since. */
  #merge(
    edit: PolicyEdit,
    meanwhile: Meanwhile,
    now: number,
  ): Made | PrepareRefusal | StaleRefusal {
    const base = policyOf(meanwhile.body)
    if (typeof base === 'string') return this.#refuseMerge(edit, meanwhile, now, base)
    const made = this.#make(edit, base, now)
    if (!made.ok) return made
    const merged = mergeWith(made.policy, this.#inForce, base)
    if (typeof merged === 'string') return this.#refuseMerge(edit, meanwhile, now, merged)
    const { lastRuleNumber } = made
    const replaced = replacePolicy(merged, { ...this.#context(now), lastRuleNumber })
    return replaced.ok ? { ...made, ...replaced } : replaced
  }

  #refuseMerge(edit: PolicyEdit, meanwhile: Meanwhile, now: number, why: string): StaleRefusal {
    const message = `this can't be had together with what others changed since revision ${meanwhile.base}: ${why}`
    return { ...refuse('ESTALE', message), comparison: this.compare(edit, meanwhile, now) }
  }

  #context(now: number): EditContext {
    return {
      nameOf: id => this.domains.nameOf(id),
      now,
      rulesMax: this.#rulesMax,
      lastRuleNumber: this.#lastRuleNumber,
    }
  }
}

/** Such an edit leaves the tests as they are; whoever makes it knows them where they stand now. */
function isOfOneRule({ kind }: PolicyEdit): boolean {
  return kind === 'insert' || kind === 'update' || kind === 'remove'
}
