import { quote } from '../abi/addr.js'
import {
  ACTIONS,
  commentProblem,
  fieldProblem,
  RULE_TYPES,
  RULE_WORDS,
  type Action,
  type RuleBody,
  type RuleType,
} from './rule.js'
import {
  formatRuleOption,
  OPTION_FIELDS,
  optionForm,
  parseRuleOption,
  type OptionField,
} from './rule-option.js'
import { formatSelector, parseSelector, type Selector } from './selector.js'

/** What is wrong with a line of text, and at which column of it, counted from 1. */
export interface TextProblem {
  readonly ok: false
  readonly column: number
  readonly message: string
}

/** The two sides of a rule: `FROM -> TO`. */
export interface Sides {
  readonly ok: true
  readonly source: Selector
  readonly destination: Selector
}

/** A rule read from a line. */
export interface RuleText {
  readonly ok: true
  readonly rule: RuleBody
}

/** A stretch without blanks and the column where it starts. */
interface Word {
  readonly text: string
  readonly column: number
}

/** What may stand behind `FROM -> TO`, and the field it sets. */
const OPTION_WORDS: ReadonlyMap<string, OptionField | 'type' | 'replies'> = new Map(
  (['type', 'replies', ...OPTION_FIELDS] as const).map(field => [RULE_WORDS[field], field]),
)
/** How many words `FROM -> TO` takes. */
const SIDES_WORDS = 3

/**
 * Reads a rule from one line: `accept web:* -> db:5432 type dgram replies rate 10/s  # comment`.
 * The options behind TO may come in any order; all of them and the comment may be left out.
 */
export function parseRule(text: string): RuleText | TextProblem {
  const all = wordsOf(text)
  const hash = all.findIndex(word => word.text.startsWith('#'))
  const words = hash < 0 ? all : all.slice(0, hash)
  const end = endColumn(text, all[hash])

  const first = words[0]
  if (first === undefined) return problem(end, `a rule starts with ${list(ACTIONS)}`)
  const action = parseAction(first.text)
  if (action === undefined) {
    return problem(first.column, `a rule starts with ${list(ACTIONS)}, not ${quote(first.text)}`)
  }
  const sides = readSides(words.slice(1), end)
  if (!sides.ok) return sides

  const read = new Map<string, Partial<RuleBody>>()
  const columns = new Map<string, number>()
  const options = words.slice(1 + SIDES_WORDS).values()
  for (const option of options) {
    const field = OPTION_WORDS.get(option.text)
    if (field === undefined) {
      const expected = `expected ${[...OPTION_WORDS.keys()].join(', ')} or a # comment`
      return problem(option.column, `${expected}, not ${quote(option.text)}`)
    }
    if (read.has(field)) return problem(option.column, `${option.text} is said twice`)
    columns.set(field, option.column)
    if (field === 'replies') {
      read.set(field, { replies: true })
      continue
    }
    const value = options.next().value
    if (value === undefined) return problem(end, missingValue(field))
    const part = readOption(field, value.text)
    if (typeof part === 'string') return problem(value.column, part)
    read.set(field, part)
  }

  const comment = hash < 0 ? '' : text.slice(end).trim()
  const unfit = commentProblem(comment)
  if (unfit !== undefined) return problem(end, unfit)
  const { source, destination } = sides
  const rule: RuleBody = Object.assign(
    { action, source, destination, type: 'any' as const, replies: false, comment },
    ...read.values(),
  )
  const mismatch = fieldProblem(rule)
  if (mismatch !== undefined) return problem(columns.get(mismatch.field)!, mismatch.message)
  return { ok: true, rule }
}

/** Writes what `parseRule` reads, always in the same form; the rule's id is not part of it. */
export function formatRule(rule: RuleBody): string {
  const type = rule.type === 'any' ? '' : ` type ${rule.type}`
  const replies = rule.replies ? ' replies' : ''
  const comment = rule.comment === '' ? '' : `  # ${rule.comment}`
  const options = OPTION_FIELDS.flatMap(field => {
    const value = formatRuleOption(field, rule)
    return value === undefined ? [] : ` ${RULE_WORDS[field]} ${value}`
  })
  return `${rule.action} ${formatSides(rule)}${type}${replies}${options.join('')}${comment}`
}

/** Reads `web:* -> db:5432`. */
export function parseSides(text: string): Sides | TextProblem {
  const words = wordsOf(text)
  const sides = readSides(words, endColumn(text, undefined))
  const extra = words[SIDES_WORDS]
  if (!sides.ok || extra === undefined) return sides
  return problem(extra.column, `expected nothing behind FROM -> TO, not ${quote(extra.text)}`)
}

/** Writes what `parseSides` reads. */
export function formatSides(sides: { source: Selector; destination: Selector }): string {
  return `${formatSelector(sides.source)} -> ${formatSelector(sides.destination)}`
}

/** The action of this name, if there is one. */
export function parseAction(text: string): Action | undefined {
  return ACTIONS.find(action => action === text)
}

/** The type of this name, if a rule can have it. */
export function parseRuleType(text: string): RuleType | undefined {
  return RULE_TYPES.find(type => type === text)
}

function missingValue(field: OptionField | 'type'): string {
  return field === 'type' ? `type is followed by ${list(RULE_TYPES)}` : optionForm(field)
}

function readOption(field: OptionField | 'type', text: string): Partial<RuleBody> | string {
  if (field !== 'type') return parseRuleOption(field, text)
  const type = parseRuleType(text)
  return type === undefined
    ? `type is followed by ${list(RULE_TYPES)}, not ${quote(text)}`
    : { type }
}

/** Reads FROM -> TO from the first words; `end` is the column to blame when they are missing. */
function readSides(words: readonly Word[], end: number): Sides | TextProblem {
  const [from, arrow, to] = words
  if (from === undefined) return problem(end, 'expected FROM -> TO, such as web:* -> db:5432')
  const source = parseSelector(from.text)
  if (typeof source === 'string') return problem(from.column, source)
  if (arrow === undefined) return problem(end, 'expected -> between FROM and TO')
  if (arrow.text !== '->') {
    return problem(arrow.column, `expected -> between FROM and TO, not ${quote(arrow.text)}`)
  }
  if (to === undefined) return problem(end, 'expected TO behind ->, such as db:5432')
  const destination = parseSelector(to.text)
  if (typeof destination === 'string') return problem(to.column, destination)
  return { ok: true, source, destination }
}

function wordsOf(text: string): readonly Word[] {
  return Array.from(text.matchAll(/[^ \t]+/g), match => ({
    text: match[0],
    column: match.index + 1,
  }))
}

/** Where the rule's own words end: at the comment, else behind the last of them. */
function endColumn(text: string, comment: Word | undefined): number {
  return comment?.column ?? text.trimEnd().length + 1
}

function problem(column: number, message: string): TextProblem {
  return { ok: false, column, message }
}

function list(words: readonly string[]): string {
  return `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`
}
