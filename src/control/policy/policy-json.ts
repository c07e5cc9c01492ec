import { formatPolicyDocument } from '../../policy/document.js'
import { formatSetElement } from '../../policy/set-element.js'
import { formatTestEnd } from '../../policy/test-text.js'
import type { PolicyFile } from '../../policy/yaml-source.js'
import type { KeptPolicy } from '../../store/policy-body.js'
import type { PolicyRequest } from '../schemas/policy.js'
import { ruleJson } from './rule-json.js'

/** What the document is called that is written where none was given. */
const WRITTEN_NAME = 'policy.yaml'

/** A policy as REST has it, by rules. */
export function policyJson({ rules, sets, tags, tests }: KeptPolicy): PolicyRequest {
  return {
    rules: rules.map(ruleJson),
    sets: Object.fromEntries(
      sets.map(({ name, elements }) => [name, elements.map(formatSetElement)]),
    ),
    tags: Object.fromEntries(tags.map(({ tag, domains }) => [tag, [...domains]])),
    tests: tests.map(({ from, to, expect, type, bytes, rule }) => ({
      from: formatTestEnd(from),
      to: formatTestEnd(to),
      expect,
      ...(type !== undefined && { type }),
      ...(bytes !== undefined && { bytes }),
      ...(rule !== undefined && { rule }),
    })),
  }
}

/** The documents that a policy came from, or one that says the same. */
export function documentsOf(policy: KeptPolicy): readonly PolicyFile[] {
  if (policy.documents.length > 0) return policy.documents
  return [{ name: WRITTEN_NAME, text: formatPolicyDocument(policy) }]
}
