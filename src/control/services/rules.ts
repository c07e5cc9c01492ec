import { parseDomainId, quote, type DomainId } from '../../abi/addr.js'
import type { Hypervisor } from '../../hypervisor/hypervisor.js'
import { RuleIds } from '../../policy/rule-ids.js'
import { formatRule } from '../../policy/rule-text.js'
import { DEFAULT_ID, type Rule, type RuleBody } from '../../policy/rule.js'
import { formatSelector, parseSelector, type Selector } from '../../policy/selector.js'
import { refuse, type Refusal } from '../../store/refusal.js'
import type {
  Change,
  NewRule,
  RuleChanged,
  RulePatch as StoredPatch,
  RulesChanged,
} from '../../store/rule-store.js'
import type { Store } from '../../store/store.js'
import type { PolicyDocument } from '../schemas/policy.js'
import type {
  DefaultView,
  RuleAdd,
  RuleDocument,
  RuleList,
  RuleListQuery,
  RulePatch,
  RuleView,
} from '../schemas/rule.js'
import type { Cause } from './cause.js'
import type { Changes } from './changes.js'

type ChangeRefusal = Refusal<'ENOENT' | 'EINVAL' | 'EEXIST' | 'ENOSPC' | 'ESTALE'>

const numberedPattern = /^([0-9]{1,5}):(.*)$/s

/** The ordered rules, and with them the policy as a whole. */
export class RuleService {
  readonly #store: Store
  readonly #hypervisor: Hypervisor
  readonly #changes: Changes

  constructor(store: Store, hypervisor: Hypervisor, changes: Changes) {
    this.#store = store
    this.#hypervisor = hypervisor
    this.#changes = changes
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
    const index = this.#hypervisor.policy.rules.findIndex(rule => rule.id === id)
    const rule = this.#hypervisor.policy.rules[index]
    if (rule === undefined) return unknownRule(id)
    return { ok: true, rule: this.#view(rule, index + 1) }
  }

  /** Adds a rule at a position, or behind the last one. */
  insert(request: RuleAdd, cause: Cause): RuleChanged | ChangeRefusal {
    const rule = this.#read(request)
    if ('ok' in rule) return rule
    return this.#changes.makeOfRules(
      cause,
      change => this.#store.rules.insert(rule, request.position, change),
      ({ id }) => ({
        action: 'rule.insert',
        target: id,
        detail: { rule: formatRule(rule), position: request.position },
      }),
    )
  }

  /** Changes what a rule says, where it stands, or both. */
  patch(id: string, request: RulePatch, cause: Cause): RuleChanged | ChangeRefusal {
    const patch = this.#readPatch(request)
    if ('ok' in patch) return patch
    const { position } = request
    const hasPatch = Object.values(patch).some(value => value !== undefined)
    const { action, source, destination, type, replies, comment } = request
    if (!hasPatch && position === undefined) {
      return refuse('EINVAL', 'the body names nothing to change of the rule')
    }
    return this.#changes.makeOfRules(
      cause,
      change => this.#patchAndMove(id, hasPatch ? patch : undefined, position, change),
      () => ({
        action: hasPatch ? 'rule.update' : 'rule.move',
        target: id,
        detail: { action, source, destination, type, replies, comment, position },
      }),
    )
  }

  /** Removes a rule and its counters. */
  remove(id: string, cause: Cause): RuleChanged | ChangeRefusal {
    return this.#changes.makeOfRules(
      cause,
      change => this.#store.rules.remove(id, change),
      () => ({ action: 'rule.remove', target: id }),
    )
  }

  /** The policy in force as a document, which `replace` takes back. */
  document(): PolicyDocument & { readonly revision: number } {
    const { revision, rules } = this.#hypervisor.policy
    return { revision, rules: rules.map(rule => ({ id: rule.id, ...textOf(rule) })) }
  }

  /**
   * Replaces all rules. Rules without an id get one that is made from what they say, so the same
   * document again changes no counter. A revision in the document counts like `ifRevision`.
   */
  replace(document: PolicyDocument, cause: Cause): RulesChanged | ChangeRefusal {
    const ids = new RuleIds(document.rules.flatMap(({ id }) => (id === undefined ? [] : [id])))
    const rules: NewRule[] = []
    for (const [index, entry] of document.rules.entries()) {
      const rule = this.#read(entry)
      if ('ok' in rule) return refuse(rule.code, `rule ${index + 1}: ${rule.message}`)
      rules.push({ ...rule, id: rule.id ?? ids.derive(rule) })
    }
    return this.#changes.makeOfRules(
      { ...cause, ifRevision: cause.ifRevision ?? document.revision },
      change => this.#store.rules.replaceAll(rules, change),
      () => ({ action: 'policy.replace', target: 'policy', detail: { rules: rules.length } }),
    )
  }

  #patchAndMove(
    id: string,
    patch: StoredPatch | undefined,
    position: number | undefined,
    change: Change,
  ): RuleChanged | ChangeRefusal {
    const { rules } = this.#store
    const updated = patch && rules.update(id, patch, change)
    if (position === undefined || updated?.ok === false) return updated ?? unknownRule(id)
    // The revision that was asked for is the one before both steps.
    return rules.move(
      id,
      position,
      updated === undefined ? change : { ...change, ifRevision: undefined },
    )
  }

  #read(request: RuleDocument): NewRule | Refusal<'EINVAL'> {
    const source = this.#readSelector('source', request.source)
    if ('ok' in source) return source
    const destination = this.#readSelector('destination', request.destination)
    if ('ok' in destination) return destination
    const { id, action, type = 'any', replies = false, comment = '' } = request
    return { id, action, source, destination, type, replies, comment }
  }

  #readPatch(request: RulePatch): StoredPatch | Refusal<'EINVAL'> {
    const { action, type, replies, comment } = request
    let source: Selector | undefined
    let destination: Selector | undefined
    if (request.source !== undefined) {
      const read = this.#readSelector('source', request.source)
      if ('ok' in read) return read
      source = read
    }
    if (request.destination !== undefined) {
      const read = this.#readSelector('destination', request.destination)
      if ('ok' in read) return read
      destination = read
    }
    return { action, source, destination, type, replies, comment }
  }

  #readSelector(field: 'source' | 'destination', text: string): Selector | Refusal<'EINVAL'> {
    const nameOf = (id: DomainId): string | undefined => this.#hypervisor.domain(id)?.name
    const selector = readSelector(text, nameOf)
    return typeof selector === 'string' ? refuse('EINVAL', `${field}: ${selector}`) : selector
  }

  #view(rule: Rule, position: number): RuleView {
    return { id: rule.id, position, ...textOf(rule), ...this.#counts(rule.id) }
  }

  #defaultView(): DefaultView {
    return { action: 'reject', ...this.#counts(DEFAULT_ID) }
  }

  #counts(id: string): Pick<RuleView, 'hits' | 'bytes' | 'lastHit'> {
    const counter = this.#hypervisor.ruleCounters.get(id)
    if (counter === undefined) return { hits: 0, bytes: 0, lastHit: null }
    const { hits, bytes, lastHit } = counter
    return { hits, bytes, lastHit: lastHit === 0 ? null : lastHit }
  }
}

/**
 * Reads one side of a rule. A domain's number is turned into the name that it has now, because
 * rules bind to names.
 * @returns the selector, or a sentence that says what is wrong with the text.
 */
export function readSelector(
  text: string,
  nameOf: (id: DomainId) => string | undefined,
): Selector | string {
  const [, digits = '', ports = ''] = numberedPattern.exec(text) ?? []
  const id = parseDomainId(digits)
  if (id === undefined || id === 0) return parseSelector(text)
  const name = nameOf(id)
  if (name === undefined) return `no domain has the number ${id} now: write a name`
  return parseSelector(`${name}:${ports}`)
}

/** What a rule says, with its selectors as text. */
function textOf(rule: RuleBody): Required<Omit<RuleDocument, 'id'>> {
  return {
    action: rule.action,
    source: formatSelector(rule.source),
    destination: formatSelector(rule.destination),
    type: rule.type,
    replies: rule.replies,
    comment: rule.comment,
  }
}

function unknownRule(id: string): Refusal<'ENOENT'> {
  return refuse('ENOENT', `there is no rule ${quote(id)}`)
}
