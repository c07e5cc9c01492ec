import type { Hypervisor } from '../../hypervisor/hypervisor.js'
import { DEFAULT_ID } from '../../policy/rule.js'
import type { Refusal } from '../../store/refusal.js'
import type { Clock } from '../../util/clock.js'
import { jsonBytes, type JsonBytes } from '../policy/json-bytes.js'
import { unknownRule } from '../policy/policy-edit.js'
import { COUNTS, ruleListOf, ruleView } from '../policy/rule-view.js'
import type { RuleAdd, RuleListQuery, RulePatch, RuleView } from '../schemas/rule.js'
import type { Applied, ApplyOptions, PolicyRefusal } from './applied.js'
import type { Cause } from './cause.js'
import type { Changes } from './changes.js'
import { nextTurn } from './next-turn.js'
import type { PolicyService } from './policy.js'
import type { RevisionService } from './revisions.js'
import { countsOf, ruleCounts } from './rule-counts.js'
import type { Tally } from './tally.js'

/** Counters that start again from zero before others get their turn. */
const ZEROED_PER_STEP = 100
/** Rules that are written at once: to ask another thread takes longer. */
const FEW = 50

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
  readonly #revisions: RevisionService
  readonly #tally: Tally
  readonly #changes: Changes
  readonly #clock: Clock

  constructor(
    hypervisor: Hypervisor,
    policy: PolicyService,
    revisions: RevisionService,
    tally: Tally,
    changes: Changes,
    clock: Clock,
  ) {
    this.#hypervisor = hypervisor
    this.#policy = policy
    this.#revisions = revisions
    this.#tally = tally
    this.#changes = changes
    this.#clock = clock
  }

  /**
   * The rules in force with their counters, or some of them, as the JSON of a RuleList. All of
   * them are of one revision; many are written by the thread that knows the policy.
   */
  async list({ from = 1, limit = Infinity, hitSince = 0 }: RuleListQuery = {}): Promise<JsonBytes> {
    const first = from - 1
    const shown = { now: this.#clock.now(), hitSince, limit }
    const left = this.#hypervisor.policy.list.length - first
    const count = hitSince > 0 ? left : Math.min(left, limit)
    if (count > FEW) return this.#revisions.list(first, count, shown)
    const { policy, numbers } = await ruleCounts(this.#hypervisor, first, count)
    const { revision, list } = policy
    const length = numbers.length / COUNTS - 1
    const rules = Array.from({ length }, (_, i) => list.peek(first + i))
    return jsonBytes(ruleListOf(revision, list.length, rules, first, numbers, shown))
  }

  /**
   * What the first rules have decided, and what all others have, if there are any; what no rule
   * matched is under DEFAULT_ID. Others get their turn meanwhile.
   */
  async hits(count: number): Promise<RuleHits> {
    const { policy, numbers } = await ruleCounts(this.#hypervisor)
    const { list } = policy
    const hitsAt = (index: number): number => numbers[index * COUNTS]!
    const first = new Map([[DEFAULT_ID, hitsAt(list.length)]])
    let rest = 0
    for (let index = 0; index < list.length; index++) {
      if (index < count) first.set(list.idAt(index), hitsAt(index))
      else rest += hitsAt(index)
    }
    return { first, rest: list.length > count ? rest : undefined }
  }

  /** One rule with its counters; ENOENT for an unknown id. */
  get(id: string): { readonly ok: true; readonly rule: RuleView } | Refusal<'ENOENT'> {
    const { list } = this.#hypervisor.policy
    const index = list.indexOf(id)
    if (index < 0) return unknownRule(id)
    const numbers = countsOf(this.#hypervisor, id)
    const rule = ruleView(list.peek(index), index + 1, numbers, 0, this.#clock.now())
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
   * Starts the counters of a rule again from zero, or all of them, some at a time; it makes no
   * revision. What they stood at is retired. Where the store fails on the way, those that have
   * started again stay so.
   * @param id of a rule, or DEFAULT_ID; all when left out. ENOENT for an unknown one.
   */
  async zero(id: string | undefined, cause: Cause): Promise<Zeroed | Refusal<'ENOENT'>> {
    const { policy } = this.#hypervisor
    if (id !== undefined && id !== DEFAULT_ID && policy.list.indexOf(id) < 0) return unknownRule(id)
    await this.#tally.settle()
    const ids = id === undefined ? this.#tally.ids() : [id]
    const sum = { hits: 0, bytes: 0 }
    while (ids.length > ZEROED_PER_STEP) {
      const { hits, bytes, apply } = this.#tally.zero(ids.splice(-ZEROED_PER_STEP))
      apply()
      sum.hits += hits
      sum.bytes += bytes
      await nextTurn()
    }
    return this.#changes.make(
      cause,
      () => {
        const { hits, bytes, apply } = this.#tally.zero(ids)
        return { ok: true, hits: sum.hits + hits, bytes: sum.bytes + bytes, apply }
      },
      ({ hits, bytes }) => ({ action: 'rule.zero', target: id ?? '*', detail: { hits, bytes } }),
      ({ apply }) => apply(),
    )
  }
}
