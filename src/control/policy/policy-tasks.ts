import { explain } from '../../policy/explain.js'
import { lint } from '../../policy/lint.js'
import { lets } from '../../policy/rule.js'
import { allReach, REACHES_MAX, whatCan, whoCan } from '../../policy/reach.js'
import type { SeenFlow } from '../../policy/seen-flow.js'
import { suggest } from '../../policy/suggest.js'
import { formatPolicyDocument } from '../../policy/document.js'
import { findFlows, readFlows, type FlowsQuery } from '../../store/flow-store.js'
import type { PortRange } from '../../policy/selector.js'
import type { SetElement as KeptElement } from '../../store/set-store.js'
import { refuse, type Refusal } from '../../store/refusal.js'
import { hashOf } from '../../store/revision-store.js'
import {
  BODY_FORMAT,
  EMPTY_POLICY,
  encodePolicy,
  type KeptPolicy,
} from '../../store/policy-body.js'
import { drawn, type Picture } from './graph-picture.js'
import { comparisonOf, type Comparison } from './policy-comparison.js'
import { KeptPolicies, policyOf, unpacked, withLive } from './kept-policies.js'
import { KnownDomains } from './known-domains.js'
import { jsonBytes, type JsonBytes } from './json-bytes.js'
import type {
  Asked,
  KeptBody,
  KnownDomain,
  LintAsked,
  Meanwhile,
  Past,
  PolicyEdit,
  Prepared,
  PrepareOptions,
  PrepareRefusal,
  Setting,
} from './policy-messages.js'
import { makePolicy, type Made } from './made-policy.js'
import { replacePolicy, type EditContext } from './policy-edit.js'
import { mergeWith } from './policy-merge.js'
import { packTable } from './packed-table.js'
import type { StaleRefusal } from './policy-request.js'
import { documentsOf, policyJson } from './policy-json.js'
import {
  diffOf,
  LISTED_MAX,
  planOf,
  refuseFailing,
  testReport,
  type Surroundings,
} from './policy-plan.js'
import { COUNTS, countsAt, ruleListOf, type CountNumbers, type ShownRules } from './rule-view.js'
import { seenFlowView } from './seen-flow-view.js'
import { changeOf, isSame } from './table-change.js'

/** In front of a tag, where a domain may stand of which only its tag is known. */
const TAG_PREFIX = 'tag:'

/**
 * The work on policies that takes long, and therefore is done in a thread of its own: reading,
 * checking, testing, comparing, packing. It knows the policy in force, and one candidate to follow
 * it.
 */
export class PolicyTasks {
  readonly #rulesMax: number
  readonly #domains = new KnownDomains()
  readonly #kept = new KeptPolicies()
  #inForce: KeptPolicy
  #revision: number
  #lastRuleNumber: number
  #candidate: { policy: KeptPolicy; lastRuleNumber: number } | undefined

  constructor({ inForce, revision, lastRuleNumber, rulesMax }: Setting) {
    this.#revision = revision
    this.#rulesMax = rulesMax
    this.#lastRuleNumber = lastRuleNumber
    this.#inForce = inForce === undefined ? EMPTY_POLICY : unpacked(inForce)
  }

  /** Notes domains that are new or have changed. */
  setDomains(domains: readonly KnownDomain[]): void {
    this.#domains.set(domains)
  }

  /** Forgets a domain that was removed. */
  dropDomain(name: string): void {
    this.#domains.drop(name)
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
   * What became of which flows, as the JSON of a HistoryList.
   * @param lost datagrams that are in no flow.
   */
  history(path: string, query: FlowsQuery, limit: number, lost: number): JsonBytes {
    return jsonBytes({ flows: findFlows(path, query, limit).map(seenFlowView), lost })
  }

  /**
   * What would become of an edit of a policy, as JSON.
   * @param of what is to be edited.
   * @param live what was put into its sets by hand.
   */
  plan(
    edit: PolicyEdit,
    of: KeptBody,
    live: readonly KeptElement[],
    flows: readonly SeenFlow[] | Past,
    now: number,
  ): { readonly ok: true; readonly json: JsonBytes } | PrepareRefusal {
    const before = this.#kept.get(of)
    const made = this.#make(edit, before, now)
    if (!made.ok) return made
    const around = this.#surroundings(now)
    const [old, young] = [withLive(before, live), withLive(made.policy, live)]
    const seen = 'path' in flows ? readFlows(flows.path, flows.since) : flows
    return { ok: true, json: jsonBytes(planOf(of.revision, old, young, seen, around)) }
  }

  /** A draft of a policy that lets through what was let through, as JSON. */
  suggest({ path, since }: Past): JsonBytes {
    let flows = 0
    const counted = function* (): Generator<SeenFlow> {
      for (const flow of readFlows(path, since)) {
        flows++
        yield flow
      }
    }
    const { rules, tests } = suggest(counted())
    const document = formatPolicyDocument({ rules, tests })
    return jsonBytes({ flows, rules: rules.length, tests: tests.length, document })
  }

  /** What tells two revisions apart, as JSON. */
  diff(from: KeptBody, to: KeptBody, now: number): JsonBytes {
    const diff = diffOf(this.#kept.get(from), this.#kept.get(to), this.#surroundings(now))
    return jsonBytes({ from: from.revision, to: to.revision, ...diff })
  }

  /** How a revision comes to its verdict about a datagram, as JSON. */
  explain(of: KeptBody, live: readonly KeptElement[], asked: Asked, now: number): JsonBytes {
    const { source, sourcePort, destination, destinationPort, type, size, isAudited } = asked
    const tuple = {
      source: this.#domains.subjectOf(source),
      sourcePort,
      destination: this.#domains.subjectOf(destination),
      destinationPort,
      type,
    }
    const explanation = explain(withLive(this.#kept.get(of), live), tuple, now, size)
    const isRefused = !lets(explanation.action) || explanation.code !== undefined
    // An operator is not asked either: who is in audit mode is not held up.
    const audited = isAudited && (isRefused || explanation.action === 'ask')
    return jsonBytes({ revision: of.revision, ...explanation, ...(audited && { audited }) })
  }

  /**
   * Who can send to a domain, or whom it can send to, as JSON.
   * @param name or `tag:x` for some domain of which that is all that is known.
   */
  reach(
    way: 'who-can' | 'what-can',
    of: KeptBody,
    live: readonly KeptElement[],
    name: string,
    ports: PortRange,
    now: number,
  ): JsonBytes {
    const find = way === 'who-can' ? whoCan : whatCan
    const { domains } = this.#surroundings(now)
    const tag = name.startsWith(TAG_PREFIX) ? name.slice(TAG_PREFIX.length) : undefined
    const subject = tag === undefined ? this.#domains.subjectOf(name) : { name: '', tags: [tag] }
    const end = { subject, ports }
    const reach = find(withLive(this.#kept.get(of), live), domains, end, now)
    return jsonBytes({ revision: of.revision, ...listed('reach', reach) })
  }

  /** Everything that a revision lets through, as JSON. */
  graph(of: KeptBody, live: readonly KeptElement[], now: number): JsonBytes {
    const { domains } = this.#surroundings(now)
    const reach = allReach(withLive(this.#kept.get(of), live), domains, now, REACHES_MAX)
    const isWhole = reach.length <= REACHES_MAX
    return jsonBytes({ revision: of.revision, isWhole, ...listed('reach', reach) })
  }

  /** A picture of the same; E2BIG when it would be too large. */
  picture(
    of: KeptBody,
    live: readonly KeptElement[],
    picture: Picture,
    now: number,
  ): Promise<string | Refusal<'E2BIG'>> {
    const { domains } = this.#surroundings(now)
    const reaches = allReach(withLive(this.#kept.get(of), live), domains, now, REACHES_MAX)
    return drawn(reaches, picture)
  }

  /**
   * What is probably not meant in a revision, as JSON.
   * @param counted what its rules have counted, for those that were never hit.
   */
  lint(
    of: KeptBody,
    live: readonly KeptElement[],
    counted: CountNumbers | undefined,
    { now, comments, unusedMs }: LintAsked,
  ): JsonBytes {
    const { domains } = this.#surroundings(now)
    const policy = this.#kept.get(of)
    const hits = new Map<string, number>()
    const lastHits = new Map<string, number>()
    for (const [i, { id }] of policy.rules.entries()) {
      const counts = counted && countsAt(counted, i)
      hits.set(id, counts?.hits ?? 0)
      if (counts !== undefined && counts.lastHit !== null) lastHits.set(id, counts.lastHit)
    }
    const findings = lint(withLive(policy, live), {
      domains,
      now,
      comments,
      hits: counted && hits,
      unused: counted && unusedMs !== undefined ? { forMs: unusedMs, lastHits } : undefined,
    })
    return jsonBytes({ revision: of.revision, ...listed('findings', findings) })
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
      const refusal = refuseFailing(testReport(judged, this.#surroundings(options.now)))
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
      nameOf: id => this.#domains.nameOf(id),
      now,
      rulesMax: this.#rulesMax,
      lastRuleNumber: this.#lastRuleNumber,
    }
  }

  #surroundings(now: number): Surroundings {
    return { domains: this.#domains.all(), now }
  }
}

/** Such an edit leaves the tests as they are; whoever makes it knows them where they stand now. */
function isOfOneRule({ kind }: PolicyEdit): boolean {
  return kind === 'insert' || kind === 'update' || kind === 'remove'
}

function listed(name: string, all: readonly object[]): object {
  return { total: all.length, [name]: all.slice(0, LISTED_MAX) }
}
