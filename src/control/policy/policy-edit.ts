import { quote } from '../../abi/addr.js'
import { refuse, type Refusal } from '../../store/refusal.js'
import { problemOf, type KeptPolicy } from '../../store/policy-body.js'
import { editDocuments, type RuleEdit } from '../../policy/document-edit.js'
import { RuleIds } from '../../policy/rule-ids.js'
import type { Rule } from '../../policy/rule.js'
import { isSame } from './table-change.js'
import { patchRule, type NewRule, type ReadContext, type RulePatchJson } from './rule-json.js'

/** What an edit has to know and keep to. */
export interface EditContext extends ReadContext {
  readonly rulesMax: number
  /** The highest number in an id such as r7 that was handed out so far. */
  readonly lastRuleNumber: number
}

/** A policy after an edit. */
export interface Edited {
  readonly ok: true
  readonly policy: KeptPolicy
  readonly lastRuleNumber: number
  /** The rule that was edited, where it was one. */
  readonly id?: string | undefined
}

type EditRefusal = Refusal<'ENOENT' | 'EINVAL' | 'EEXIST' | 'ENOSPC'>

const numberedPattern = /^r([1-9][0-9]*)$/
/** So far ids such as r7 count up, which is far more than will ever be needed. */
const NUMBER_MAX = 999_999_999_999_999

/**
 * Adds a rule; without an id it gets the next of r1, r2, r3 and so on.
 * @param position its place, from 1 to one more than there are rules; behind the last when left out.
 * @returns EINVAL for a rule or a position that can't be, EEXIST for an id that is taken, ENOSPC at
 *   the limit of rules.
 */
export function insertRule(
  policy: KeptPolicy,
  rule: NewRule,
  position: number | undefined,
  context: EditContext,
): Edited | EditRefusal {
  const { rules } = policy
  if (rules.length >= context.rulesMax) return tooMany(rules.length + 1, context)
  const place = position ?? rules.length + 1
  const misplaced = refusePosition(place, rules.length + 1)
  if (misplaced !== undefined) return misplaced
  const id = rule.id ?? `r${context.lastRuleNumber + 1}`
  if (rules.some(other => other.id === id)) return taken(id)
  const named: Rule = { ...rule, id }
  const refusal = refuseRule(named)
  if (refusal !== undefined) return refusal
  return edited(policy, { kind: 'insert', index: place - 1, rule: named }, id, context)
}

/**
 * Changes what a rule says, where it stands, or both.
 * @param position its new place, from 1 to the number of rules.
 * @returns ENOENT for an unknown id, EINVAL when the rule could not be so.
 */
export function updateRule(
  policy: KeptPolicy,
  id: string,
  patch: RulePatchJson,
  position: number | undefined,
  context: EditContext,
): Edited | EditRefusal {
  const { rules } = policy
  const index = rules.findIndex(rule => rule.id === id)
  if (index < 0) return unknownRule(id)
  if (position !== undefined) {
    const misplaced = refusePosition(position, rules.length)
    if (misplaced !== undefined) return misplaced
  }
  const old = rules[index]!
  const isMove = Object.values(patch).every(value => value === undefined)
  if (isMove && position === undefined) {
    return refuse('EINVAL', 'the body names nothing to change of the rule')
  }
  const patched = isMove ? old : patchRule(old, patch, context)
  if (typeof patched === 'string') return refuse('EINVAL', patched)
  // What says the same still stands where it stood.
  const rule = isSame(patched, { ...old, place: undefined }) ? old : patched
  const refusal = refuseRule(rule)
  if (refusal !== undefined) return refusal
  const to = position === undefined ? index : position - 1
  return edited(policy, { kind: 'update', index, to, rule }, id, context)
}

/** Removes a rule. @returns ENOENT for an unknown id. */
export function removeRule(
  policy: KeptPolicy,
  id: string,
  context: EditContext,
): Edited | EditRefusal {
  const index = policy.rules.findIndex(rule => rule.id === id)
  if (index < 0) return unknownRule(id)
  return edited(policy, { kind: 'remove', index }, id, context)
}

/**
 * Replaces the whole policy. Rules without an id get one that is made from what they say, so the
 * same policy again changes no counter.
 * @returns EINVAL for a rule that can't be, EEXIST for an id that is there twice, ENOSPC above the
 *   limit of rules.
 */
export function replacePolicy(
  policy: Omit<KeptPolicy, 'rules'> & { readonly rules: readonly NewRule[] },
  context: EditContext,
): Edited | EditRefusal {
  if (policy.rules.length > context.rulesMax) return tooMany(policy.rules.length, context)
  const seen = new Set<string>()
  for (const { id } of policy.rules) {
    if (id === undefined) continue
    if (seen.has(id)) return taken(id)
    seen.add(id)
  }
  const ids = new RuleIds(seen)
  const rules: Rule[] = []
  let lastRuleNumber = context.lastRuleNumber
  for (const [index, each] of policy.rules.entries()) {
    const rule: Rule = isNamed(each) ? each : { ...each, id: ids.derive(each) }
    const refusal = refuseRule(rule)
    if (refusal !== undefined) return refuse('EINVAL', `rule ${index + 1}: ${refusal.message}`)
    lastRuleNumber = Math.max(lastRuleNumber, numberOf(rule.id))
    rules.push(rule)
  }
  return { ok: true, policy: { ...policy, rules }, lastRuleNumber }
}

function edited(policy: KeptPolicy, edit: RuleEdit, id: string, context: EditContext): Edited {
  const lastRuleNumber = Math.max(context.lastRuleNumber, numberOf(id))
  const documented = policy.documents.length > 0 ? editDocuments(policy, edit) : undefined
  // Documents that can't follow would say something else than the rules from now on.
  const after = documented ?? { ...policy, rules: rulesAfter(policy.rules, edit), documents: [] }
  return { ok: true, policy: after, lastRuleNumber, id }
}

function rulesAfter(rules: readonly Rule[], edit: RuleEdit): readonly Rule[] {
  switch (edit.kind) {
    case 'insert':
      return rules.toSpliced(edit.index, 0, edit.rule)
    case 'remove':
      return rules.toSpliced(edit.index, 1)
    case 'update':
      return rules.toSpliced(edit.index, 1).toSpliced(edit.to, 0, edit.rule)
  }
}

function isNamed(rule: NewRule): rule is Rule {
  return rule.id !== undefined
}

/** The number in an id such as r7; 0 for other ids. */
function numberOf(id: string): number {
  return Number(numberedPattern.exec(id)?.[1] ?? 0)
}

function refuseRule(rule: Rule): Refusal<'EINVAL'> | undefined {
  const problem = problemOf(rule) ?? numberProblem(rule.id)
  return problem === undefined ? undefined : refuse('EINVAL', problem)
}

function numberProblem(id: string): string | undefined {
  if (numberOf(id) <= NUMBER_MAX) return undefined
  return `ids such as r7 count up to r${NUMBER_MAX}, so ${quote(id)} is too high: choose another`
}

function refusePosition(position: number, max: number): Refusal<'EINVAL'> | undefined {
  if (Number.isInteger(position) && position >= 1 && position <= max) return undefined
  return refuse('EINVAL', `there is no position ${position}: it is a number from 1 to ${max}`)
}

function tooMany(count: number, { rulesMax }: EditContext): Refusal<'ENOSPC'> {
  return refuse('ENOSPC', `${count} rules are more than the limit of ${rulesMax}`)
}

function taken(id: string): Refusal<'EEXIST'> {
  return refuse('EEXIST', `two rules can't both be called ${quote(id)}`)
}

/** The refusal for a rule that is not there. */
export function unknownRule(id: string): Refusal<'ENOENT'> {
  return refuse('ENOENT', `there is no rule ${quote(id)}`)
}
