import { parseDocument, type Document, type YAMLMap, type YAMLSeq } from 'yaml'
import { formatPolicyDocument, parsePolicyDocument } from './document.js'
import type { Rule } from './rule.js'
import type { PolicyFile } from './yaml-source.js'

/** Where a rule stands in the text of a file, in whole lines; offsets are in UTF-16 units. */
export interface RuleLines {
  /** Where the comment right above it starts; `start` when there is none. */
  readonly top: number
  /** Where its first line starts, and where the line behind its last one does. */
  readonly start: number
  readonly end: number
  /** Blanks in front of its dash. */
  readonly indent: number
}

const itemPattern = /^( *)- +[^\s#]/
const idPattern = /^ *- +(?:\{ *)?id:\s/

/**
 * Finds the lines of a rule in a file by the line that it is said to start on. Reading all of the
 * file again would tell as well, but takes a second where there are ten thousand rules.
 * @returns undefined when there is anything else there, or when the rule shares lines with others.
 */
export function findRule({ text, name }: PolicyFile, rule: Rule): RuleLines | undefined {
  if (rule.place?.file !== name) return undefined
  const start = offsetOfLine(text, rule.place.line)
  const indent = itemPattern.exec(lineAt(text, start))?.[1]!.length
  if (indent === undefined) return undefined
  let end = nextLine(text, start)
  for (let next = end; next < text.length;) {
    const line = lineAt(text, next)
    const inner = line.search(/[^\s]/)
    if (inner >= 0 && inner <= indent) break
    next = nextLine(text, next)
    if (inner >= 0) end = next
  }
  const lines = { top: topOf(text, start, indent), start, end, indent }
  return saysSame(text.slice(start, end), rule) ? lines : undefined
}

/** True when the line that a rule starts on says its id, so that no more of it has to be read. */
export function startsWithId(line: string | undefined): boolean {
  return line !== undefined && idPattern.test(line)
}

/** The syntax of a rule alone, as the only one of a document. */
export function ruleDocument(lines: string): { document: Document; map: YAMLMap } {
  const document = parseDocument(`rules:\n${lines}`)
  const map = (document.get('rules') as YAMLSeq<YAMLMap>).items[0]!
  return { document, map }
}

/** The lines of the only rule of a document that `ruleDocument` or `formatPolicyDocument` made. */
export function onlyRuleLines(text: string, indent: number): string {
  return indented(text.slice(nextLine(text, 0)), 2, indent)
}

/** Lines that stood behind so many blanks, behind others. */
export function indented(lines: string, from: number, to: number): string {
  if (from === to) return lines
  return lines.replace(/^ +/gm, blanks => ' '.repeat(Math.max(0, blanks.length - from + to)))
}

/** Where a line starts, counted from 1; the text's length when it has fewer. */
function offsetOfLine(text: string, line: number): number {
  let offset = 0
  for (let i = 1; i < line && offset < text.length; i++) offset = nextLine(text, offset)
  return offset
}

/** Where the line behind the one at an offset starts. */
export function nextLine(text: string, offset: number): number {
  const end = text.indexOf('\n', offset)
  return end < 0 ? text.length : end + 1
}

/** Where the line in front of the one at an offset above 0 starts. */
export function previousLine(text: string, offset: number): number {
  return text.lastIndexOf('\n', offset - 2) + 1
}

/** The line that starts at an offset, with what ends it. */
export function lineAt(text: string, offset: number): string {
  return text.slice(offset, nextLine(text, offset))
}

function topOf(text: string, start: number, indent: number): number {
  let top = start
  while (top > 0) {
    const before = previousLine(text, top)
    if (lineAt(text, before).search(/[^ ]/) !== indent || text[before + indent] !== '#') break
    top = before
  }
  return top
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
