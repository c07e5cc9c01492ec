import { gunzipSync, gzipSync } from 'node:zlib'
import { quote } from '../abi/addr.js'
import type { Policy } from '../policy/policy.js'
import { ruleProblem, type Rule } from '../policy/rule.js'
import { parseAction, parseRuleType } from '../policy/rule-text.js'
import { formatSelector, parseSelector, type Selector } from '../policy/selector.js'
import type { PolicyFile } from '../policy/yaml-source.js'

/** What a revision keeps: what the policy says, and the documents where it came from some. */
export interface KeptPolicy extends Policy {
  /** As they were given, comments and all; none when rules were changed one by one since. */
  readonly documents: readonly PolicyFile[]
}

/** The format that `encodePolicy` writes: JSON, compressed. */
export const BODY_FORMAT = 2
/** The first format: a JSON list of rules with their sides as text, not compressed. */
const RULE_LIST = 1
/** A body that says more than this when it is unpacked is none of ours. */
const UNPACKED_BYTES_MAX = 512 * 1024 * 1024
/** Rules repeat themselves so much that more effort gains little. */
const GZIP_LEVEL = 1

const NOTHING = { sets: [], tags: [], tests: [], documents: [] }

/** The policy of a daemon that has none: everything is rejected. */
export const EMPTY_POLICY: KeptPolicy = { rules: [], ...NOTHING }

/** What was written of rules before: nearly all of a policy's rules are in the next one again. */
const ruleTexts = new WeakMap<Rule, string>()

/** Writes a policy as the body of a revision. */
export function encodePolicy({ rules, sets, tags, tests, documents }: KeptPolicy): Uint8Array {
  const rest = JSON.stringify({ sets, tags, tests, documents })
  return gzipSync(`{"rules":${rulesText(rules)},${rest.slice(1)}`, { level: GZIP_LEVEL })
}

/** Writes rules as JSON. */
export function rulesText(rules: readonly Rule[]): string {
  return `[${rules.map(ruleText).join(',')}]`
}

/** Writes a rule as JSON: equal texts are equal rules. A rule must not change afterwards. */
export function ruleText(rule: Rule): string {
  let text = ruleTexts.get(rule)
  if (text === undefined) ruleTexts.set(rule, (text = JSON.stringify(rule)))
  return text
}

/**
 * Reads the body of a revision.
 * @param format how it is written.
 * @returns the policy, or a sentence that says why this version can't read it.
 */
export function decodePolicy(format: number, body: Uint8Array): KeptPolicy | string {
  let value: unknown
  try {
    const text =
      format === RULE_LIST
        ? Buffer.from(body)
        : gunzipSync(body, { maxOutputLength: UNPACKED_BYTES_MAX })
    value = JSON.parse(text.toString())
  } catch (error) {
    return `it is no JSON: ${(error as Error).message}`
  }
  switch (format) {
    case RULE_LIST:
      return policyOfList(value)
    case BODY_FORMAT:
      return checked(value)
    default:
      return `it is written in the unknown format ${format}`
  }
}

function checked(value: unknown): KeptPolicy | string {
  const policy = value as KeptPolicy
  for (const key of ['rules', 'sets', 'tags', 'tests', 'documents'] as const) {
    if (!Array.isArray(policy?.[key])) return `it has no ${key}`
  }
  for (const rule of policy.rules) {
    const problem = problemOf(rule)
    if (problem !== undefined) return problem
  }
  return policy
}

function policyOfList(value: unknown): KeptPolicy | string {
  if (!Array.isArray(value)) return 'it is no list of rules'
  const rules: Rule[] = []
  for (const item of value as readonly ListedRule[]) {
    const rule = ruleOf(item)
    const problem = typeof rule === 'string' ? rule : problemOf(rule)
    if (problem !== undefined) return problem
    rules.push(rule as Rule)
  }
  return { rules, ...NOTHING }
}

/** A rule in the first format. */
interface ListedRule {
  readonly id: string
  readonly action: string
  readonly source: string
  readonly destination: string
  readonly type: string
  readonly replies: number
  readonly comment: string
}

function ruleOf(item: ListedRule): Rule | string {
  const { id, comment } = item
  const action = parseAction(item.action)
  const source = parseSelector(item.source)
  const destination = parseSelector(item.destination)
  const type = parseRuleType(item.type)
  if (
    action === undefined ||
    type === undefined ||
    typeof source === 'string' ||
    typeof destination === 'string'
  ) {
    const text = `${item.action} ${item.source} -> ${item.destination} type ${item.type}`
    return `rule ${quote(id)} can't be read: ${quote(text)}`
  }
  return { id, action, source, destination, type, replies: item.replies === 1, comment }
}

/** What is wrong with a rule that this version is asked to enforce, or undefined. */
export function problemOf(rule: Rule): string | undefined {
  try {
    const known = parseAction(rule.action) !== undefined && parseRuleType(rule.type) !== undefined
    if (!known) return `rule ${quote(rule.id)} says what this version does not know`
    return ruleProblem(rule) ?? selectorProblem(rule.source) ?? selectorProblem(rule.destination)
  } catch (error) {
    return `a rule can't be read: ${(error as Error).message}`
  }
}

// Only what reads back as what it is may be enforced: anything else may mean something else.
function selectorProblem(selector: Selector): string | undefined {
  const text = formatSelector(selector)
  const read = parseSelector(text)
  if (typeof read === 'string') return read
  if (read.kind === selector.kind) return undefined
  return `${quote(text)} does not mean a ${selector.kind}`
}
