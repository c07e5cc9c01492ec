import type { Document, YAMLMap, YAMLSeq } from 'yaml'
import { formatPolicyDocument, parsePolicyDocument } from './document.js'
import { syntaxOf } from './layout.js'
import type { Line, LineList } from './line-list.js'
import type { Rule } from './rule.js'

/** Where a rule stands in a file. */
export interface RuleLines {
  /** The first line of the comment right above it; `start` when there is none. */
  readonly top: Line
  /** Its first line, and the one behind its last. */
  readonly start: Line
  readonly end: Line
  /** Blanks in front of its dash. */
  readonly indent: number
}

const itemPattern = /^( *)- +[^\s#]/
const idPattern = /^ *- +(?:\{ *)?id:\s/

/**
 * Finds the lines of a rule by the one that it is said to start on. Reading all of the file again
 * would tell as well, but takes half a second where there are ten thousand rules.
 * @returns undefined when there is anything else there, or when the rule shares lines with others.
 */
export function findRule(lines: LineList, start: Line, rule: Rule): RuleLines | undefined {
  const indent = itemPattern.exec(start.text)?.[1]!.length
  if (indent === undefined) return undefined
  let end = start.after
  for (let line = end; line !== lines.end; line = line.after) {
    const inner = line.text.search(/[^\s]/)
    if (inner >= 0 && inner <= indent) break
    if (inner >= 0) end = line.after
  }
  if (!saysSame(lines.text(start, end), rule)) return undefined
  return { top: topOf(start, indent), start, end, indent }
}

/** True when the line that a rule starts on says its id, so that no more of it has to be read. */
export function startsWithId({ text }: Line): boolean {
  return idPattern.test(text)
}

/** The syntax of a rule alone, as the only one of a document. */
export function ruleDocument(lines: string): { document: Document; map: YAMLMap } {
  const document = syntaxOf(`rules:\n${lines}`)
  const map = (document.get('rules') as YAMLSeq<YAMLMap>).items[0]!
  return { document, map }
}

/** The lines of the only rule of a document that `ruleDocument` or `formatPolicyDocument` made. */
export function onlyRuleLines(text: string, indent: number): string {
  return indented(text.slice(text.indexOf('\n') + 1), 2, indent)
}

/** Lines that stood behind so many blanks, behind others. */
export function indented(lines: string, from: number, to: number): string {
  if (from === to) return lines
  return lines.replace(/^ +/gm, blanks => ' '.repeat(Math.max(0, blanks.length - from + to)))
}

function topOf(start: Line, indent: number): Line {
  let top = start
  for (;;) {
    const { before } = top
    if (before.text.search(/[^ ]/) !== indent || before.text[indent] !== '#') return top
    top = before
  }
}

// When these lines alone say all that the rule says, nothing behind them can belong to it but a
// comment: a key more would make it say something else.
function saysSame(lines: string, rule: Rule): boolean {
  const read = parsePolicyDocument(`rules:\n${lines}`, '')
  const [only, second] = read.ok ? read.rules : []
  if (only === undefined || second !== undefined) return false
  const text = formatPolicyDocument({ rules: [{ ...only, id: rule.id }] })
  if (text !== formatPolicyDocument({ rules: [rule] })) return false
  return only.id === rule.id || !ruleDocument(lines).map.has('id')
}
