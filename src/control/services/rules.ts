import type { Hypervisor } from '../../hypervisor/hypervisor.js'
import { ZEROS, type RuleCounter } from '../../hypervisor/policy-gate.js'
import { quotaUse } from '../../hypervisor/quota-meter.js'
import { DEFAULT_ID, type Quota, type Rule } from '../../policy/rule.js'
import type { Refusal } from '../../store/refusal.js'
import type { Clock } from '../../util/clock.js'
import { unknownRule } from '../policy/policy-edit.js'
import { ruleJson } from '../policy/rule-json.js'
import type {
  RuleCounts,
  DefaultView,
  RuleAdd,
  RuleListQuery,
  RulePatch,
  RuleView,
} from '../schemas/rule.js'
import type { Applied, ApplyOptions, PolicyRefusal } from './applied.js'
import type { Cause } from './cause.js'
import type { Changes } from './changes.js'
import { nextTurn } from './next-turn.js'
import type { PolicyService } from './policy.js'
import type { Tally } from './tally.js'

type Counters = Hypervisor['ruleCounters']

/** Rules that are written, and ids that are looked up, before others get their turn. */
const VIEWS_PER_STEP = 50
const IDS_PER_STEP = 1_000

/** Datagrams that rules have decided, the first of them by their ids. */
export interface RuleHits {
  readonly first: ReadonlyMap<string, number>
  readonly rest: number | undefined
}

/** Counters were zeroed. */
export interface Zeroed {
  readonly ok: true
  /** What they had stood at, together. */
  readonly hits: number
  readonly bytes: number
}

/** The ordered rules, one by one. */
export class RuleService {
  readonly #hypervisor: Hypervisor
  readonly #policy: PolicyService
  readonly #tally: Tally
  readonly #changes: Changes
  readonly #clock: Clock

  constructor(
    hypervisor: Hypervisor,
    policy: PolicyService,
    tally: Tally,
    changes: Changes,
    clock: Clock,
  ) {
    this.#hypervisor = hypervisor
    this.#policy = policy
    this.#tally = tally
    this.#changes = changes
    this.#clock = clock
  }

  /**
   * The rules in force with their counters, or some of them, as the JSON of a RuleList in parts.
   * All of them are of one revision, and others get their turn before each part.
   */
  async *list({
    from = 1,
    limit = Infinity,
    hitSince = 0,
  }: RuleListQuery = {}): AsyncGenerator<string> {
    const { revision, list } = this.#hypervisor.policy
    const counters = new Map(this.#hypervisor.ruleCounters)
    const now = this.#clock.now()
    yield `{"revision":${revision},"total":${list.length},"rules":[`
    let views: string[] = []
    let count = 0
    for (let index = from - 1; index < list.length && count < limit; index++) {
      if ((index - from + 1) % IDS_PER_STEP === 0) await nextTurn()
      if (hitSince > 0 && (counters.get(list.idAt(index))?.lastHit ?? 0) < hitSince) continue
      const view: RuleView = viewOf(list.peek(index), index + 1, counters, now)
      views.push(`${count++ === 0 ? '' : ','}${JSON.stringify(view)}`)
      if (views.length < VIEWS_PER_STEP) continue
      yield views.join('')
      views = []
      await nextTurn()
    }
    yield views.join('')
    const none: DefaultView = { action: 'reject', ...countsOf(DEFAULT_ID, counters) }
    yield `],"default":${JSON.stringify(none)}}`
  }

  /**
   * What the first rules have decided, and what all others have, if there are any; what no rule
   * matched is under DEFAULT_ID. Others get their turn meanwhile.
   */
  async hits(count: number): Promise<RuleHits> {
    const { list } = this.#hypervisor.policy
    const counters = new Map(this.#hypervisor.ruleCounters)
    const first = new Map([[DEFAULT_ID, counters.get(DEFAULT_ID)?.hits ?? 0]])
    let rest = 0
    for (let index = 0; index < list.length; index++) {
      if (index % IDS_PER_STEP === 0) await nextTurn()
      const id = list.idAt(index)
      const hits = counters.get(id)?.hits ?? 0
      if (index < count) first.set(id, hits)
      else rest += hits
    }
    return { first, rest: list.length > count ? rest : undefined }
  }

  /** One rule with its counters; ENOENT for an unknown id. */
  get(id: string): { readonly ok: true; readonly rule: RuleView } | Refusal<'ENOENT'> {
    const { list } = this.#hypervisor.policy
    const index = list.indexOf(id)
    if (index < 0) return unknownRule(id)
    const { ruleCounters } = this.#hypervisor
    const rule = viewOf(list.peek(index), index + 1, ruleCounters, this.#clock.now())
    return { ok: true, rule }
  }

  /** Adds a rule at a position, or behind the last one. */
  insert(
    request: RuleAdd,
    cause: Cause,
    options: ApplyOptions = {},
  ): Promise<Applied | PolicyRefusal> {
    const { position, reason: _, ...rule } = request
    return this.#policy.edit({ kind: 'insert', rule, position }, cause, options, ({ id }) => ({
      action: 'rule.insert',
      target: id,
      detail: { rule, position },
    }))
  }

  /** Changes what a rule says, where it stands, or both. */
  patch(
    id: string,
    request: RulePatch,
    cause: Cause,
    options: ApplyOptions = {},
  ): Promise<Applied | PolicyRefusal> {
    const { position, reason: _, ...patch } = request
    const isMove = Object.values(patch).every(value => value === undefined)
    return this.#policy.edit({ kind: 'update', id, patch, position }, cause, options, () => ({
      action: isMove ? 'rule.move' : 'rule.update',
      target: id,
      detail: { ...patch, position },
    }))
  }

  /** Removes a rule; what it has decided is counted among what is retired. */
  remove(id: string, cause: Cause, options: ApplyOptions = {}): Promise<Applied | PolicyRefusal> {
    return this.#policy.edit({ kind: 'remove', id }, cause, options, () => ({
      action: 'rule.remove',
      target: id,
    }))
  }

  /**
   * Starts the counters of a rule again from zero, or all of them; it makes no revision. What they
   * stood at is retired.
   * @param id of a rule, or DEFAULT_ID; all when left out. ENOENT for an unknown one.
   */
  zero(id: string | undefined, cause: Cause): Zeroed | Refusal<'ENOENT'> {
    const { policy } = this.#hypervisor
    if (id !== undefined && id !== DEFAULT_ID && policy.list.indexOf(id) < 0) return unknownRule(id)
    return this.#changes.make(
      cause,
      () => ({ ok: true, ...this.#tally.zero(id) }),
      ({ hits, bytes }) => ({ action: 'rule.zero', target: id ?? '*', detail: { hits, bytes } }),
      ({ apply }) => apply(),
    )
  }
}

function viewOf(rule: Rule, position: number, counters: Counters, now: number): RuleView {
  const { expires, ...json } = ruleJson(rule)
  const { place } = rule
  return {
    ...json,
    position,
    type: rule.type,
    replies: rule.replies,
    comment: rule.comment,
    ...(typeof expires === 'number' && { expires }),
    ...(place !== undefined && { file: place.file, line: place.line }),
    ...countsOf(rule.id, counters),
    ...(rule.quota !== undefined && quotaOf(rule.quota, counters.get(rule.id), now)),
  }
}

function quotaOf(
  quota: Quota,
  counter: RuleCounter | undefined,
  now: number,
): Pick<RuleView, 'quotaUsed' | 'quotaResets'> {
  const { used, endsAt } = quotaUse(quota, counter ?? { action: 'accept', ...ZEROS }, now)
  return { quotaUsed: used, quotaResets: used === 0 ? null : endsAt }
}

function countsOf(id: string, counters: Counters): RuleCounts {
  const counter = counters.get(id)
  if (counter === undefined) return { hits: 0, bytes: 0, lastHit: null, audited: 0, limited: 0 }
  const { hits, bytes, lastHit, audited, limited } = counter
  return { hits, bytes, lastHit: lastHit === 0 ? null : lastHit, audited, limited }
}
