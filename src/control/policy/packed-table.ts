import { compileRules, type CompiledRules } from '../../policy/compiled-rules.js'
import type { Membership } from '../../policy/membership.js'
import { indexNames } from '../../policy/name-index.js'
import { PolicyTable } from '../../policy/policy-table.js'
import { RuleList, ruleTexts, type RuleTexts } from '../../policy/rule-list.js'
import type { Rule } from '../../policy/rule.js'
import { ruleText } from '../../store/policy-body.js'

/** A table on its way from the thread that compiled it to the daemon, which only has to look at it. */
export interface PackedTable {
  readonly rules: RuleTexts
  readonly compiled: CompiledRules
}

/** Compiles rules, and writes them down. */
export function packTable(rules: readonly Rule[]): PackedTable {
  const ids = indexNames(rules.map(rule => rule.id))
  return { rules: ruleTexts(ids, rules.map(ruleText)), compiled: compileRules(rules) }
}

/** The table that was packed; only once of each. */
export function unpackTable(
  { rules, compiled }: PackedTable,
  revision: number,
  membership: Membership,
): PolicyTable {
  return new PolicyTable(revision, new RuleList(rules), membership, compiled)
}
