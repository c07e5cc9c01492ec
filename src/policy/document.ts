import { isMap, isScalar, isSeq, stringify, type Node, type Scalar } from 'yaml'
import { quote } from '../abi/addr.js'
import type { PolicyProblem } from './policy-problem.js'
import { RuleIds } from './rule-ids.js'
import { formatSides, parseAction, parseRuleType, parseSides, type Sides } from './rule-text.js'
import {
  ACTIONS,
  commentProblem,
  repliesProblem,
  RULE_TYPES,
  ruleIdProblem,
  type Rule,
  type RuleBody,
  type RuleType,
} from './rule.js'
import { describe, YamlSource, type PolicyFile } from './yaml-source.js'

/** The rules of one or more files, in order, or everything that is wrong with them. */
export type PolicyDocument =
  | { readonly ok: true; readonly rules: readonly Rule[] }
  | { readonly ok: false; readonly problems: readonly PolicyProblem[] }

/** A rule as it stands in a file; `id` is missing when the file leaves it out. */
interface Draft {
  readonly id: Scalar<string> | undefined
  readonly body: RuleBody
}

/** A key of a mapping and what is behind it. */
interface Field {
  readonly offset: number
  readonly value: Node | null
}

const DOCUMENT_KEYS = ['rules']
const RULE_KEYS = ['id', ...ACTIONS, 'type', 'replies', 'comment']
const DOCUMENT_FORM = 'a policy file is a mapping with the key rules'
const RULE_FORM =
  'a rule is a mapping with the keys accept, reject or drop, and id, type, replies, comment'
const EXAMPLE = 'such as "accept: web:* -> db:5432"'

/**
 * Reads a policy file: YAML with one list, `rules`.
 * @param fileName how problems are to call the file.
 */
export function parsePolicyDocument(text: string, fileName: string): PolicyDocument {
  return mergeDocuments([{ name: fileName, text }])
}

/**
 * Reads policy files as one table: in the order of their names (compared character by character,
 * so `10-a.yaml` comes before `9-b.yaml`), with ids unique among all of them. A rule without an
 * id gets one made from what it says. When anything is wrong in any file there are no rules.
 */
export function mergeDocuments(files: readonly PolicyFile[]): PolicyDocument {
  const sorted = [...files].sort((a, b) => (a.name < b.name ? -1 : 1))
  const problems: PolicyProblem[] = []
  const drafts: Draft[] = []
  const placeOfId = new Map<string, string>()
  for (const file of sorted) {
    const source = new YamlSource(file)
    for (const draft of readDrafts(source)) {
      drafts.push(draft)
      if (draft.id === undefined) continue
      const { value } = draft.id
      const offset = source.offset(draft.id)
      const place = placeOfId.get(value)
      if (place === undefined) placeOfId.set(value, source.place(offset))
      else source.report(offset, `the id ${quote(value)} is taken already, at ${place}`)
    }
    problems.push(...source.problems)
  }
  if (problems.length > 0) return { ok: false, problems }
  const ids = new RuleIds(placeOfId.keys())
  return {
    ok: true,
    rules: drafts.map(({ id, body }) => ({ id: id?.value ?? ids.derive(body), ...body })),
  }
}

/** Writes a policy file that `parsePolicyDocument` reads as the same rules. */
export function formatPolicyDocument(rules: readonly Rule[]): string {
  const items = rules.map(rule => ({
    id: rule.id,
    [rule.action]: formatSides(rule),
    ...(rule.type !== 'any' && { type: rule.type }),
    ...(rule.replies && { replies: true }),
    ...(rule.comment !== '' && { comment: rule.comment }),
  }))
  return stringify({ rules: items }, { lineWidth: 0 })
}

/** Reads the rules of a file; what is wrong is reported to the source. */
function readDrafts(source: YamlSource): readonly Draft[] {
  const top = source.parse()
  if (top === undefined) return []
  const fields = readMapping(source, top, 0, DOCUMENT_FORM, DOCUMENT_KEYS)
  if (fields === undefined) return []
  const rules = fields.get('rules')
  if (rules === undefined) {
    source.report(0, 'a policy file has a list of rules: add a line "rules:" in front of them')
    return []
  }
  if (!isSeq<Node>(rules.value)) {
    reportValue(source, rules, 'rules is a list, or [] for none')
    return []
  }
  return rules.value.items.flatMap(item => {
    const offset = source.offset(item)
    const ruleFields = readMapping(source, item, offset, RULE_FORM, RULE_KEYS)
    return ruleFields === undefined ? [] : (new RuleReader(source, offset, ruleFields).read() ?? [])
  })
}

/** Reads one rule; every method reports what it does not like and goes on with a stand-in. */
class RuleReader {
  readonly #source: YamlSource
  readonly #offset: number
  readonly #fields: ReadonlyMap<string, Field>

  constructor(source: YamlSource, offset: number, fields: ReadonlyMap<string, Field>) {
    this.#source = source
    this.#offset = offset
    this.#fields = fields
  }

  read(): Draft | undefined {
    const id = this.#id()
    const type = this.#type()
    const replies = this.#replies()
    const comment = this.#comment()
    const [action, second] = [...this.#fields.keys()].flatMap(key => parseAction(key) ?? [])
    if (action === undefined) {
      this.#source.report(this.#offset, `a rule says accept, reject or drop, ${EXAMPLE}`)
      return undefined
    }
    const says = this.#fields.get(action)!
    if (second !== undefined) {
      const first = `${action} is on line ${this.#source.line(says.offset)}`
      this.#source.report(this.#fields.get(second)!.offset, `a rule has one action, and ${first}`)
    }
    const mismatch = repliesProblem(action, replies)
    if (mismatch !== undefined) this.#source.report(this.#fields.get('replies')!.offset, mismatch)
    const sides = this.#sides(action)
    if (sides === undefined) return undefined
    const { source, destination } = sides
    return { id, body: { action, source, destination, type, replies, comment } }
  }

  #id(): Scalar<string> | undefined {
    const id = this.#text('id', 'an id is text')
    const problem = id && ruleIdProblem(id.value)
    if (problem === undefined) return id
    this.#source.report(this.#source.offset(id!), problem)
    return undefined
  }

  #type(): RuleType {
    const expected = `type is one of ${RULE_TYPES.join(', ')}`
    const text = this.#text('type', expected)
    if (text === undefined) return 'any'
    const type = parseRuleType(text.value)
    if (type !== undefined) return type
    this.#source.report(this.#source.offset(text), `${expected}, not ${quote(text.value)}`)
    return 'any'
  }

  #replies(): boolean {
    const field = this.#fields.get('replies')
    if (field === undefined) return false
    const { value } = field
    if (isScalar(value) && typeof value.value === 'boolean') return value.value
    reportValue(this.#source, field, 'replies is true or false')
    return false
  }

  #comment(): string {
    const text = this.#text('comment', 'a comment is text')
    if (text === undefined) return ''
    // A block scalar ends with a line break that nobody meant.
    const comment = text.value.trim()
    const problem = commentProblem(comment)
    if (problem !== undefined) this.#source.report(this.#source.offset(text), problem)
    return comment
  }

  #sides(action: string): Sides | undefined {
    const text = this.#text(action, `${action} is followed by FROM -> TO, ${EXAMPLE}`)
    if (text === undefined) return undefined
    const sides = parseSides(text.value)
    if (sides.ok) return sides
    this.#source.report(this.#source.offsetIn(text, sides.column - 1), sides.message)
    return undefined
  }

  /** A field's text; undefined when the field is missing, or is something else and reported. */
  #text(key: string, expected: string): Scalar<string> | undefined {
    const field = this.#fields.get(key)
    if (field === undefined) return undefined
    if (isText(field.value)) return field.value
    const isOtherScalar = isScalar(field.value) && field.value.value !== null
    reportValue(this.#source, field, isOtherScalar ? `${expected}, written in quotes` : expected)
    return undefined
  }
}

/** The fields of a mapping with no other keys; undefined when it is not one, which is reported. */
function readMapping(
  source: YamlSource,
  node: Node | null,
  offset: number,
  form: string,
  keys: readonly string[],
): ReadonlyMap<string, Field> | undefined {
  if (!isMap<Node, Node | null>(node)) {
    source.report(offset, `${form}; here is ${describe(node)}`)
    return undefined
  }
  const fields = new Map<string, Field>()
  let isSound = true
  for (const { key, value } of node.items) {
    const at = source.offset(key)
    if (!isText(key) || !keys.includes(key.value)) {
      source.report(at, `${form}; ${describe(key)} is none of them`)
      isSound = false
      continue
    }
    const first = fields.get(key.value)
    if (first === undefined) {
      fields.set(key.value, { offset: at, value })
    } else {
      source.report(at, `${key.value} is on line ${source.line(first.offset)} already`)
      isSound = false
    }
  }
  return isSound ? fields : undefined
}

function reportValue(source: YamlSource, field: Field, expected: string): void {
  const offset = field.value === null ? field.offset : source.offset(field.value)
  source.report(offset, `${expected}, not ${describe(field.value)}`)
}

function isText(node: Node | null): node is Scalar<string> {
  return isScalar(node) && typeof node.value === 'string'
}
