import { formatPolicyDocument } from '../../policy/document.js'
import { explain } from '../../policy/explain.js'
import { lint } from '../../policy/lint.js'
import { allReach, REACHES_MAX, whatCan, whoCan } from '../../policy/reach.js'
import { lets } from '../../policy/rule.js'
import type { SeenFlow } from '../../policy/seen-flow.js'
import type { PortRange } from '../../policy/selector.js'
import { suggest } from '../../policy/suggest.js'
import { findFlows, readFlows, type FlowsQuery } from '../../store/flow-store.js'
import type { Refusal } from '../../store/refusal.js'
import type { SetElement as KeptElement } from '../../store/set-store.js'
import { DomainTasks } from './domain-tasks.js'
import { drawn, type Picture } from './graph-picture.js'
import { jsonBytes, type JsonBytes } from './json-bytes.js'
import { KeptPolicies, withLive } from './kept-policies.js'
import { makePolicy } from './made-policy.js'
import type {
  Asked,
  InquirySetting,
  KeptBody,
  LintAsked,
  Past,
  PolicyEdit,
  PrepareRefusal,
} from './policy-messages.js'
import { diffOf, LISTED_MAX, planOf } from './policy-plan.js'
import { countsAt, type CountNumbers } from './rule-view.js'
import { seenFlowView } from './seen-flow-view.js'

/** In front of a tag, where a domain may stand of which only its tag is known. */
const TAG_PREFIX = 'tag:'

/**
 * Questions about policies, whose answers take long and therefore are found in a thread of their
 * own. Each says what policy it is about.
 */
export class InquiryTasks extends DomainTasks {
  readonly #rulesMax: number
  readonly #kept = new KeptPolicies()

  constructor({ rulesMax }: InquirySetting) {
    super()
    this.#rulesMax = rulesMax
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
    const made = makePolicy(edit, before, {
      nameOf: id => this.domains.nameOf(id),
      now,
      rulesMax: this.#rulesMax,
      lastRuleNumber: 0,
    })
    if (!made.ok) return made
    const around = this.surroundings(now)
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
    const diff = diffOf(this.#kept.get(from), this.#kept.get(to), this.surroundings(now))
    return jsonBytes({ from: from.revision, to: to.revision, ...diff })
  }

  /** How a revision comes to its verdict about a datagram, as JSON. */
  explain(of: KeptBody, live: readonly KeptElement[], asked: Asked, now: number): JsonBytes {
    const { source, sourcePort, destination, destinationPort, type, size, isAudited } = asked
    const tuple = {
      source: this.domains.subjectOf(source),
      sourcePort,
      destination: this.domains.subjectOf(destination),
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
    const { domains } = this.surroundings(now)
    const tag = name.startsWith(TAG_PREFIX) ? name.slice(TAG_PREFIX.length) : undefined
    const subject = tag === undefined ? this.domains.subjectOf(name) : { name: '', tags: [tag] }
    const end = { subject, ports }
    const reach = find(withLive(this.#kept.get(of), live), domains, end, now)
    return jsonBytes({ revision: of.revision, ...listed('reach', reach) })
  }

  /** Everything that a revision lets through, as JSON. */
  graph(of: KeptBody, live: readonly KeptElement[], now: number): JsonBytes {
    const { domains } = this.surroundings(now)
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
    const { domains } = this.surroundings(now)
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
    const { domains } = this.surroundings(now)
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
}

function listed(name: string, all: readonly object[]): object {
  return { total: all.length, [name]: all.slice(0, LISTED_MAX) }
}
