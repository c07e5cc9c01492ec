import { TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox'
import type { FastifySchemaValidationError } from 'fastify'
import { quote } from '../../abi/addr.js'
import { mergeDocuments, policySizeProblem } from '../../policy/document.js'
import { formatProblem, type PolicyProblem } from '../../policy/policy-problem.js'
import type { PolicySet, PolicyTag, PolicyTest } from '../../policy/policy.js'
import { parseSetElement } from '../../policy/set-element.js'
import { parseTestEnd } from '../../policy/test-text.js'
import type { KeptPolicy } from '../../store/policy-body.js'
import { refuse, type Refusal } from '../../store/refusal.js'
import { reasonProblem } from '../reason.js'
import { schemaProblems, type FieldProblem } from '../schema-problem.js'
import { PolicyRequest } from '../schemas/policy.js'
import type { Comparison } from './policy-comparison.js'
import type { FailedTest } from './policy-plan.js'
import { readRule, type NewRule, type ReadContext } from './rule-json.js'

/** A refusal that names each thing that is wrong: fields of a body, or places in documents. */
export interface DetailedRefusal<
  Code extends 'EINVAL' | 'ESTALE' = 'EINVAL',
> extends Refusal<Code> {
  readonly details?: readonly (PolicyProblem | FieldProblem | FailedTest)[]
}

/** A change was made for another revision than the one in force; what happened since is said. */
export interface StaleRefusal extends DetailedRefusal<'ESTALE'> {
  readonly comparison?: Comparison
}

/** What a request for a whole policy says. */
export interface RequestedPolicy {
  readonly ok: true
  readonly policy: Omit<KeptPolicy, 'rules'> & { readonly rules: readonly NewRule[] }
  /** The revision that it was made for. */
  readonly ifRevision: number | undefined
  readonly reason: string | undefined
}

const PROBLEMS_SHOWN = 3

const validate = TypeBoxValidatorCompiler({
  schema: PolicyRequest,
  method: 'PUT',
  url: '/v1/policy',
  httpPart: 'body',
})

/**
 * Reads the body of a request for a whole policy: documents, or rules, sets and tags as JSON.
 * @returns it, or everything that is wrong with it.
 */
export function readPolicyRequest(
  bytes: Uint8Array,
  context: ReadContext,
): RequestedPolicy | DetailedRefusal {
  let body: unknown
  try {
    body = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString())
  } catch {
    return refuse('EINVAL', 'the body is not JSON')
  }
  const checked = validate(body) as { readonly error?: readonly FastifySchemaValidationError[] }
  if (checked.error !== undefined) {
    const details = schemaProblems(checked.error, 'body', PolicyRequest)
    const message = details.map(problem => problem.message).join('; ')
    return { ...refuse('EINVAL', message), details }
  }
  const request = body as PolicyRequest
  const { documents, rules, revision: ifRevision, reason } = request
  if ((documents === undefined) === (rules === undefined)) {
    return refuse('EINVAL', 'the body has either documents or rules: give one of them')
  }
  const unfit = reasonProblem(reason ?? '')
  if (unfit !== undefined) return refuse('EINVAL', unfit)
  const policy = documents === undefined ? readJson(request, context) : readDocuments(documents)
  if ('ok' in policy) return policy
  return { ok: true, policy, ifRevision, reason }
}

/** Reads documents; everything that is wrong with them is in the details, with its place. */
export function readDocuments(
  documents: readonly { readonly name: string; readonly text: string }[],
): KeptPolicy | DetailedRefusal {
  const names = new Set<string>()
  for (const { name } of documents) {
    if (names.has(name)) return refuse('EINVAL', `two documents are called ${quote(name)}`)
    names.add(name)
  }
  const read = mergeDocuments(documents)
  if (read.ok) {
    const { rules, sets, tags, tests } = read
    return { rules, sets, tags, tests, documents: [...documents] }
  }
  const { problems } = read
  const shown = problems.slice(0, PROBLEMS_SHOWN).map(formatProblem).join('; ')
  const more = problems.length - PROBLEMS_SHOWN
  const message = more > 0 ? `${shown}; and ${more} more` : shown
  return { ...refuse('EINVAL', message), details: problems }
}

function readJson(
  { rules = [], sets = {}, tags = {}, tests = [] }: PolicyRequest,
  context: ReadContext,
): RequestedPolicy['policy'] | DetailedRefusal {
  const read: NewRule[] = []
  for (const [index, json] of rules.entries()) {
    const rule = readRule(json, context)
    if (typeof rule === 'string') return refuse('EINVAL', `rule ${index + 1}: ${rule}`)
    read.push(rule)
  }
  const readSets: PolicySet[] = []
  for (const [name, texts] of Object.entries(sets)) {
    const elements = []
    for (const text of texts) {
      const element = parseSetElement(text)
      if (typeof element === 'string') return refuse('EINVAL', `set ${quote(name)}: ${element}`)
      elements.push(element)
    }
    readSets.push({ name, elements })
  }
  const readTags: PolicyTag[] = Object.entries(tags).map(([tag, domains]) => ({ tag, domains }))
  const readTests: PolicyTest[] = []
  for (const [index, { from, to, expect, type, bytes, rule }] of tests.entries()) {
    const source = parseTestEnd(from)
    if (typeof source === 'string') return refuse('EINVAL', `test ${index + 1}: ${source}`)
    const destination = parseTestEnd(to)
    if (typeof destination === 'string') {
      return refuse('EINVAL', `test ${index + 1}: ${destination}`)
    }
    readTests.push({ from: source, to: destination, expect, type, bytes, rule })
  }
  const policy = { rules: read, sets: readSets, tags: readTags, tests: readTests, documents: [] }
  const excess = policySizeProblem(policy)
  return excess === undefined ? policy : refuse('EINVAL', excess)
}
