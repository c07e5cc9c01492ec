import { parseDomainId, type DomainId } from '../../abi/addr.js'
import type { Rule, RuleBody } from '../../policy/rule.js'
import {
  formatLogMode,
  formatQuota,
  formatRate,
  parseRuleOption,
} from '../../policy/rule-option.js'
import { formatSelector, parseSelector, type Selector } from '../../policy/selector.js'
import { parseDuration } from '../../policy/time-text.js'
import type { RuleDocument } from '../schemas/rule.js'

/** A rule to be added; without an id it gets one. */
export type NewRule = RuleBody & { readonly id?: string | undefined }

/** What can be changed of a rule; null takes an option away, and what is left out stays. */
export type RulePatchJson = {
  readonly [Field in Exclude<keyof RuleDocument, 'id'>]?: RuleDocument[Field] | null | undefined
}

/** What reading a rule needs to know besides its words. */
export interface ReadContext {
  /** The name that a domain with this number has now, because rules bind to names. */
  readonly nameOf: (id: DomainId) => string | undefined
  /** Milliseconds since the Unix epoch: where a length of time starts. */
  readonly now: number
}

const numberedPattern = /^([0-9]{1,5}):(.*)$/s
const textOptions = ['rate', 'flowRate', 'quota', 'log'] as const
const numberOptions = ['maxBytes', 'burst', 'flowBurst'] as const
const optionNames: ReadonlySet<string> = new Set([...textOptions, ...numberOptions, 'expires'])
const NO_OPTIONS: Partial<RuleBody> = {}

/**
 * Reads a rule as REST has it.
 * @returns the rule, or a sentence that says what is wrong.
 */
export function readRule(json: RuleDocument, context: ReadContext): NewRule | string {
  const { id, action, type = 'any', replies = false, comment = '' } = json
  const source = readSide('source', json.source, context)
  if (typeof source === 'string') return source
  const destination = readSide('destination', json.destination, context)
  if (typeof destination === 'string') return destination
  const options = readOptions(json, context)
  if (typeof options === 'string') return options
  const body = { action, source, destination, type, replies, comment }
  const rule = id === undefined ? body : { id, ...body }
  return options === NO_OPTIONS ? rule : { ...rule, ...options }
}

/**
 * Reads what is to be changed of a rule.
 * @returns the rule as it is then, without its place, or a sentence that says what is wrong.
 */
export function patchRule(rule: Rule, patch: RulePatchJson, context: ReadContext): Rule | string {
  const { place: _, ...before } = rule
  const after: Record<string, unknown> = { ...before }
  for (const field of ['action', 'type', 'replies', 'comment'] as const) {
    if (patch[field] !== undefined && patch[field] !== null) after[field] = patch[field]
  }
  for (const field of ['source', 'destination'] as const) {
    const text = patch[field]
    if (typeof text !== 'string') continue
    const side = readSide(field, text, context)
    if (typeof side === 'string') return side
    after[field] = side
  }
  const options = readOptions(patch, context)
  if (typeof options === 'string') return options
  Object.assign(after, options)
  for (const field of [...textOptions, ...numberOptions, 'expires'] as const) {
    if (patch[field] === null) delete after[field]
  }
  return after as unknown as Rule
}

/** A rule as REST has it; `readRule` takes it back. */
export function ruleJson(rule: Rule): RuleDocument & Required<Pick<RuleDocument, 'id'>> {
  const { maxBytes, rate, burst, flowRate, flowBurst, quota, log, expires } = rule
  return {
    id: rule.id,
    action: rule.action,
    source: formatSelector(rule.source),
    destination: formatSelector(rule.destination),
    type: rule.type,
    replies: rule.replies,
    comment: rule.comment,
    ...(maxBytes !== undefined && { maxBytes }),
    ...(rate !== undefined && { rate: formatRate(rate) }),
    ...(burst !== undefined && { burst }),
    ...(flowRate !== undefined && { flowRate: formatRate(flowRate) }),
    ...(flowBurst !== undefined && { flowBurst }),
    ...(quota !== undefined && { quota: formatQuota(quota) }),
    ...(log !== undefined && { log: formatLogMode(log) }),
    ...(expires !== undefined && { expires }),
  }
}

function readOptions(json: RulePatchJson, { now }: ReadContext): Partial<RuleBody> | string {
  if (!hasOptions(json)) return NO_OPTIONS
  const options: Record<string, unknown> = {}
  for (const field of numberOptions) {
    if (typeof json[field] === 'number') options[field] = json[field]
  }
  for (const field of textOptions) {
    const text = json[field]
    if (typeof text !== 'string') continue
    const option = parseRuleOption(field, text)
    if (typeof option === 'string') return option
    Object.assign(options, option)
  }
  const { expires } = json
  if (typeof expires === 'number') options['expires'] = expires
  if (typeof expires === 'string') {
    const length = parseDuration(expires)
    if (typeof length === 'number') return { ...options, expires: now + length }
    const option = parseRuleOption('expires', expires)
    if (typeof option === 'string') return `${option}, or a length of time such as 10m`
    Object.assign(options, option)
  }
  return options
}

// Most rules have none, and a policy may have ten thousand rules.
function hasOptions(json: RulePatchJson): boolean {
  for (const field in json) if (optionNames.has(field)) return true
  return false
}

function readSide(
  field: 'source' | 'destination',
  text: string,
  { nameOf }: ReadContext,
): Selector | string {
  const selector = readSelector(text, nameOf)
  return typeof selector === 'string' ? `${field}: ${selector}` : selector
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
  const numbered = numberedPattern.exec(text)
  if (numbered === null) return parseSelector(text)
  const [, digits = '', ports = ''] = numbered
  const id = parseDomainId(digits)
  if (id === undefined || id === 0) return parseSelector(text)
  const name = nameOf(id)
  if (name === undefined) return `no domain has the number ${id} now: write a name`
  return parseSelector(`${name}:${ports}`)
}
