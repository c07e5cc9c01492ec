import { isScalar, type Node, type Scalar } from 'yaml'
import { quote } from '../abi/addr.js'
import type { Place } from './policy.js'
import { OPTION_FIELDS, optionForm, parseRuleOption, type OptionField } from './rule-option.js'
import { parseAction, parseRuleType, parseSides, type Sides } from './rule-text.js'
import {
  ACTIONS,
  commentProblem,
  fieldProblem,
  RULE_TYPES,
  RULE_WORDS,
  ruleIdProblem,
  type RuleBody,
  type RuleType,
} from './rule.js'
import { readMapping, readText, readWhole, reportValue, type Field } from './yaml-fields.js'
import type { YamlSource } from './yaml-source.js'

/** A rule as it stands in a file; `id` is missing when the file leaves it out. */
export interface RuleDraft {
  readonly id: Scalar<string> | undefined
  readonly body: RuleBody
  readonly place: Place
}

const RULE_KEYS = ['id', ...ACTIONS, ...Object.values(RULE_WORDS), 'comment']
const RULE_FORM = `a rule is a mapping with one of the keys ${ACTIONS.join(', ')}, and id, ${Object.values(RULE_WORDS).join(', ')}, comment`
const EXAMPLE = 'such as "accept: web:* -> db:5432"'

/** Reads one rule of a list; undefined when there is none to be had, which is reported. */
export function readRule(source: YamlSource, item: Node): RuleDraft | undefined {
  const offset = source.offset(item)
  const fields = readMapping(source, item, offset, RULE_FORM, RULE_KEYS)
  return fields === undefined ? undefined : new RuleReader(source, offset, fields).read()
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

  read(): RuleDraft | undefined {
    const id = this.#id()
    const type = this.#type()
    const replies = this.#replies()
    const options = OPTION_FIELDS.map(field => this.#option(field))
    const comment = this.#comment()
    const [action, second] = [...this.#fields.keys()].flatMap(key => parseAction(key) ?? [])
    if (action === undefined) {
      const words = `${ACTIONS.slice(0, -1).join(', ')} or ${ACTIONS.at(-1)}`
      this.#source.report(this.#offset, `a rule says ${words}, ${EXAMPLE}`)
      return undefined
    }
    const says = this.#fields.get(action)!
    if (second !== undefined) {
      const first = `${action} is on line ${this.#source.line(says.offset)}`
      this.#source.report(this.#fields.get(second)!.offset, `a rule has one action, and ${first}`)
    }
    const sides = this.#sides(action)
    if (sides === undefined) return undefined
    const { source, destination } = sides
    const body: RuleBody = Object.assign(
      { action, source, destination, type, replies, comment },
      ...options,
    )
    const mismatch = fieldProblem(body)
    if (mismatch !== undefined) {
      const { offset } = this.#fields.get(RULE_WORDS[mismatch.field])!
      this.#source.report(offset, mismatch.message)
    }
    return { id, body, place: this.#source.at(this.#offset) }
  }

  #id(): Scalar<string> | undefined {
    const id = this.#text('id', 'an id is text', true)
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

  #option(field: OptionField): Partial<RuleBody> {
    const node = this.#fields.get(RULE_WORDS[field])
    const form = optionForm(field)
    if (field === 'maxBytes' || field === 'burst' || field === 'flowBurst') {
      const value = readWhole(this.#source, node, form)
      return value === undefined ? {} : { [field]: value }
    }
    const text = readText(this.#source, node, form)
    if (text === undefined) return {}
    const part = parseRuleOption(field, text.value)
    if (typeof part !== 'string') return part
    this.#source.report(this.#source.offset(text), part)
    return {}
  }

  #comment(): string {
    const text = this.#text('comment', 'a comment is text', true)
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

  #text(key: string, expected: string, isFree = false): Scalar<string> | undefined {
    return readText(this.#source, this.#fields.get(key), expected, isFree)
  }
}
