import { stringify, type Scalar } from 'yaml'
import { quote } from '../abi/addr.js'
import { SET_ELEMENTS_MAX } from './membership.js'
import { readSets, readTags, readTests, type Named } from './part-reader.js'
import type { Place, Policy, PolicySet, PolicyTag, PolicyTest } from './policy.js'
import type { PolicyProblem } from './policy-problem.js'
import { RuleIds } from './rule-ids.js'
import { formatRuleOption, OPTION_FIELDS } from './rule-option.js'
import { readRule, type RuleDraft } from './rule-reader.js'
import { formatSides } from './rule-text.js'
import { RULE_WORDS, type Rule } from './rule.js'
import { formatSetElement } from './set-element.js'
import { formatTestEnd } from './test-text.js'
import { readList, readMapping } from './yaml-fields.js'
import { PROBLEMS_MAX, YamlSource, type PolicyFile } from './yaml-source.js'

/** The policy that one or more files state, or everything that is wrong with them. */
export type PolicyDocument =
  | ({ readonly ok: true } & Policy)
  | { readonly ok: false; readonly problems: readonly PolicyProblem[] }

/** A policy, and the files that state it; its rules know their places in them. */
export interface DocumentedPolicy extends Policy {
  readonly documents: readonly PolicyFile[]
}

/** What one file says. */
interface FileDraft {
  readonly sets: readonly Named<PolicySet>[]
  readonly tags: readonly Named<PolicyTag>[]
  readonly rules: readonly RuleDraft[]
  readonly tests: readonly PolicyTest[]
}

/** Domains that all tags of a policy together may list. */
export const TAG_DOMAINS_MAX = 100_000
/** Tests in a policy. */
export const TESTS_MAX = 100_000

const DOCUMENT_KEYS = ['sets', 'tags', 'rules', 'tests']
const DOCUMENT_FORM = 'a policy file is a mapping with the keys sets, tags, rules, tests'
const NOTHING: FileDraft = { sets: [], tags: [], rules: [], tests: [] }

/**
 * Reads a policy file: YAML with any of `sets`, `tags`, `rules` and `tests`.
 * @param fileName how problems are to call the file.
 */
export function parsePolicyDocument(text: string, fileName: string): PolicyDocument {
  return mergeDocuments([{ name: fileName, text }])
}

/**
 * Reads policy files as one policy: in the order of their names (compared character by character,
 * so `10-a.yaml` comes before `9-b.yaml`), with ids, sets and tags unique among all of them. A
 * rule without an id gets one made from what it says. When anything is wrong in any file there is
 * no policy.
 */
export function mergeDocuments(files: readonly PolicyFile[]): PolicyDocument {
  const sorted = [...files].sort((a, b) => (a.name < b.name ? -1 : 1))
  const problems: PolicyProblem[] = []
  const drafts: FileDraft[] = []
  const placeOfId = new Map<string, Place>()
  const placeOfSet = new Map<string, Place>()
  const placeOfTag = new Map<string, Place>()
  for (const file of sorted) {
    const source = new YamlSource(file)
    const draft = readFile(source)
    drafts.push(draft)
    const ids = draft.rules.flatMap(({ id }) => id ?? [])
    for (const id of ids) claim(source, placeOfId, id, 'the id')
    for (const { name } of draft.sets) claim(source, placeOfSet, name, 'the set')
    for (const { name } of draft.tags) claim(source, placeOfTag, name, 'the tag')
    problems.push(...source.problems)
    if (problems.length >= PROBLEMS_MAX) break
  }
  if (problems.length > 0) return { ok: false, problems: problems.slice(0, PROBLEMS_MAX) }

  const ids = new RuleIds(placeOfId.keys())
  const policy = {
    rules: drafts.flatMap(({ rules }) =>
      rules.map(({ id, body, place }): Rule => ({
        id: id?.value ?? ids.derive(body),
        ...body,
        place,
      })),
    ),
    sets: drafts.flatMap(({ sets }) => sets.map(({ what }) => what)),
    tags: drafts.flatMap(({ tags }) => tags.map(({ what }) => what)),
    tests: drafts.flatMap(({ tests }) => tests),
  }
  const problem = policySizeProblem(policy)
  if (problem === undefined) return { ok: true, ...policy }
  const file = sorted.at(-1)!.name
  return { ok: false, problems: [{ file, line: 1, column: 1, message: problem }] }
}

/** The policy that files state, with the files; undefined when there is anything wrong with them. */
export function documentedPolicy(documents: readonly PolicyFile[]): DocumentedPolicy | undefined {
  const read = mergeDocuments(documents)
  if (!read.ok) return undefined
  const { ok: _, ...policy } = read
  return { ...policy, documents }
}

/** Writes a policy file that `parsePolicyDocument` reads as the same policy. */
export function formatPolicyDocument(policy: Partial<Policy> & Pick<Policy, 'rules'>): string {
  const { rules, sets = [], tags = [], tests = [] } = policy
  // Maps, so that a set called 7 stays where it is among the others.
  const document = {
    ...(sets.length > 0 && {
      sets: new Map(sets.map(({ name, elements }) => [name, elements.map(formatSetElement)])),
    }),
    ...(tags.length > 0 && { tags: new Map(tags.map(({ tag, domains }) => [tag, domains])) }),
    rules: rules.map(ruleItem),
    ...(tests.length > 0 && { tests: tests.map(testItem) }),
  }
  return stringify(document, { lineWidth: 0, singleQuote: true, aliasDuplicateObjects: false })
}

function ruleItem(rule: Rule): Record<string, unknown> {
  const item: Record<string, unknown> = { id: rule.id, [rule.action]: formatSides(rule) }
  if (rule.type !== 'any') item['type'] = rule.type
  if (rule.replies) item['replies'] = true
  for (const field of OPTION_FIELDS) {
    const value = rule[field]
    if (value === undefined) continue
    const isCount = typeof value === 'number' && field !== 'expires'
    item[RULE_WORDS[field]] = isCount ? value : formatRuleOption(field, rule)
  }
  if (rule.comment !== '') item['comment'] = rule.comment
  return item
}

function testItem({ from, to, expect, type, bytes, rule }: PolicyTest): Record<string, unknown> {
  return {
    from: formatTestEnd(from),
    to: formatTestEnd(to),
    ...(type !== undefined && { type }),
    ...(bytes !== undefined && { bytes }),
    expect,
    ...(rule !== undefined && { rule }),
  }
}

/** Reads a file; what is wrong is reported to the source. */
function readFile(source: YamlSource): FileDraft {
  const top = source.parse()
  if (top === undefined) return NOTHING
  const fields = readMapping(source, top, 0, DOCUMENT_FORM, DOCUMENT_KEYS)
  if (fields === undefined) return NOTHING
  if (fields.size === 0) {
    source.report(0, 'a policy file has a list of rules: add a line "rules:" in front of them')
    return NOTHING
  }
  const sets = fields.get('sets')
  const tags = fields.get('tags')
  const rules = fields.get('rules')
  const tests = fields.get('tests')
  const items =
    rules === undefined ? [] : readList(source, rules, 'rules is a list, or [] for none')
  return {
    sets: sets === undefined ? [] : readSets(source, sets),
    tags: tags === undefined ? [] : readTags(source, tags),
    rules: items.flatMap(item => readRule(source, item) ?? []),
    tests: tests === undefined ? [] : readTests(source, tests),
  }
}

/** Notes where a name is used; reports one that is in use already. */
function claim(
  source: YamlSource,
  places: Map<string, Place>,
  name: Scalar<string>,
  what: string,
): void {
  const { value } = name
  const offset = source.offset(name)
  const first = places.get(value)
  if (first === undefined) {
    places.set(value, source.at(offset))
    return
  }
  const place = `${first.file}:${first.line}`
  source.report(offset, `${what} ${quote(value)} is taken already, at ${place}`)
}

/** What a policy has too much of, rules aside; undefined when it has not. */
export function policySizeProblem({
  sets,
  tags,
  tests,
}: Pick<Policy, 'sets' | 'tags' | 'tests'>): string | undefined {
  const elements = sets.reduce((sum, set) => sum + set.elements.length, 0)
  const domains = tags.reduce((sum, tag) => sum + tag.domains.length, 0)
  const excess = [
    ['elements in all sets', elements, SET_ELEMENTS_MAX],
    ['domains in all tags', domains, TAG_DOMAINS_MAX],
    ['tests', tests.length, TESTS_MAX],
  ] as const
  const over = excess.find(([, count, max]) => count > max)
  return over && `${over[1]} ${over[0]} are more than the limit of ${over[2]}`
}
