import type { Hypervisor } from '../../hypervisor/hypervisor.js'
import { DEFAULT_ID, type Rule } from '../../policy/rule.js'
import type { Refusal } from '../../store/refusal.js'
import { unknownRule } from '../policy/policy-edit.js'
import { ruleJson } from '../policy/rule-json.js'
import type {
  RuleCounts,
  DefaultView,
  RuleAdd,
  RuleList,
  RuleListQuery,
  RulePatch,
  RuleView,
} from '../schemas/rule.js'
import type { Cause } from './cause.js'
import type { Applied, ApplyOptions, PolicyRefusal, PolicyService } from './policy.js'

/** The ordered rules, one by one. */
export class RuleService {
  readonly #hypervisor: Hypervisor
  readonly #policy: PolicyService

  constructor(hypervisor: Hypervisor, policy: PolicyService) {
    this.#hypervisor = hypervisor
    this.#policy = policy
  }

  /** The rules in force with their counters, or some of them. */
  list({ from = 1, limit = Infinity }: RuleListQuery = {}): RuleList {
    const { revision, rules } = this.#hypervisor.policy
    const shown = rules.slice(from - 1, from - 1 + limit)
    return {
      revision,
      total: rules.length,
      rules: shown.map((rule, index) => this.#view(rule, from + index)),
      default: this.#defaultView(),
    }
  }

  /** One rule with its counters; ENOENT for an unknown id. */
  get(id: string): { readonly ok: true; readonly rule: RuleView } | Refusal<'ENOENT'> {
    const { list } = this.#hypervisor.policy
    const index = list.indexOf(id)
    return index < 0 ? unknownRule(id) : { ok: true, rule: this.#view(list.peek(index), index + 1) }
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

  #view(rule: Rule, position: number): RuleView {
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
      ...this.#counts(rule.id),
    }
  }

  #defaultView(): DefaultView {
    return { action: 'reject', ...this.#counts(DEFAULT_ID) }
  }

  #counts(id: string): RuleCounts {
    const counter = this.#hypervisor.ruleCounters.get(id)
    if (counter === undefined) return { hits: 0, bytes: 0, lastHit: null, audited: 0, limited: 0 }
    const { hits, bytes, lastHit, audited, limited } = counter
    return { hits, bytes, lastHit: lastHit === 0 ? null : lastHit, audited, limited }
  }
}
