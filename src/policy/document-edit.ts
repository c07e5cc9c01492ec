import { parse, parseDocument, type Pair, type Scalar, type YAMLMap, type YAMLSeq } from 'yaml'
import { formatPolicyDocument, mergeDocuments } from './document.js'
import { LAYOUT } from './fmt.js'
import type { Place, Policy } from './policy.js'
import { wouldTake } from './rule-ids.js'
import {
  findRule,
  indented,
  lineAt,
  nextLine,
  onlyRuleLines,
  previousLine,
  ruleDocument,
  startsWithId,
  type RuleLines,
} from './rule-lines.js'
import { parseAction } from './rule-text.js'
import type { Rule } from './rule.js'
import { DOCUMENT_CHARS_MAX, type PolicyFile } from './yaml-source.js'

/** A policy, and the files that state it; its rules know their places in them. */
export interface DocumentedPolicy extends Policy {
  readonly documents: readonly PolicyFile[]
}

/** What becomes of one rule. */
export type RuleEdit =
  /** A rule is added, so that it stands at `index`; with lines that `linesOf` took elsewhere. */
  | {
      readonly kind: 'insert'
      readonly index: number
      readonly rule: Rule
      readonly lines?: TakenLines | undefined
    }
  | { readonly kind: 'remove'; readonly index: number }
  /** The rule at `index` says something else, or stands at `to` then, or both. */
  | { readonly kind: 'update'; readonly index: number; readonly to: number; readonly rule: Rule }

/** The lines of a rule with the comment above it, as they stood somewhere. */
export interface TakenLines {
  readonly text: string
  /** How many of them are the comment. */
  readonly above: number
  /** Blanks in front of its dash. */
  readonly indent: number
}

/** Of a file of rules that none of the others had a place for. */
const OWN_FILE = 'rules'
const rulesPattern = /^rules:(?=\s*(#.*)?$)/

/**
 * Makes an edit of one rule in the files themselves, so that everything else in them stays as it
 * was written: the comments above all. A comment right above a rule, with no blank line between,
 * is the rule's and goes where it goes.
 * @param policy with rules that say what the documents say.
 * @returns the policy after it, with the places of everything as they are then; undefined when the
 *   documents do not say what the rules say, or would grow too large.
 */
export function editDocuments(
  policy: DocumentedPolicy,
  edit: RuleEdit,
): DocumentedPolicy | undefined {
  const isEasy = edit.kind !== 'remove' || !renamesOthers(policy, policy.rules[edit.index]!)
  const edited = isEasy ? made(policy, edit) : undefined
  if (edited !== undefined) return fitting(edited)
  const plain = writtenOut(policy)
  return plain && fitting(made(plain, edit))
}

function made(policy: DocumentedPolicy, edit: RuleEdit): DocumentedPolicy | undefined {
  switch (edit.kind) {
    case 'insert':
      return inserted(policy, edit.index, edit.rule, edit.lines)
    case 'remove':
      return removed(policy, edit.index)?.policy
    case 'update': {
      const { index, to, rule } = edit
      const updated = replaced(policy, index, rule)
      if (updated === undefined || index === to) return updated
      const taken = removed(updated, index)
      return taken && inserted(taken.policy, to, rule, taken.lines)
    }
  }
}

function inserted(
  policy: DocumentedPolicy,
  index: number,
  rule: Rule,
  own?: TakenLines,
): DocumentedPolicy | undefined {
  const before = policy.rules[index - 1]
  const neighbour = before ?? policy.rules[0]
  if (neighbour === undefined) return inOwnFile(policy, rule)
  const file = fileOf(policy, neighbour)
  const found = file && findRule(file, neighbour)
  if (found === undefined) return undefined
  const { text } = file!
  const at = before === undefined ? firstPlace(text, found.top) : found.end
  const lines =
    own === undefined
      ? onlyRuleLines(formatPolicyDocument({ rules: [rule] }), found.indent)
      : indented(own.text, own.indent, found.indent)
  const { policy: shifted, line } = spliced(policy, file!, at, at, lines)
  const placed = { ...rule, place: { file: file!.name, line: line + (own?.above ?? 0) } }
  return { ...shifted, rules: shifted.rules.toSpliced(index, 0, placed) }
}

function removed(
  policy: DocumentedPolicy,
  index: number,
): { readonly policy: DocumentedPolicy; readonly lines: TakenLines } | undefined {
  const rule = policy.rules[index]!
  const file = fileOf(policy, rule)
  const found = file && findRule(file, rule)
  if (found === undefined) return undefined
  const { text, name } = file!
  const { top } = found
  const lines = taken(text, found)
  const isLast = !policy.rules.some(other => other !== rule && other.place?.file === name)
  const list = isLast ? rulesKey(text, top) : undefined
  if (isLast && list === undefined) return undefined
  const without = { ...policy, rules: policy.rules.toSpliced(index, 1) }
  const cut = spliced(without, file!, top, blankEnd(text, found), '').policy
  if (list === undefined) return { policy: cut, lines }
  // A list without items is written in another way.
  const documents = cut.documents.map(each =>
    each.name === name ? { name, text: insertText(each.text, list, ' []') } : each,
  )
  return { policy: { ...cut, documents }, lines }
}

/**
 * The lines of a rule as they stand in the documents, for another place.
 * @returns undefined when they do not say by themselves what the rule says, its id included.
 */
export function linesOf(policy: DocumentedPolicy, index: number): TakenLines | undefined {
  const rule = policy.rules[index]!
  const file = fileOf(policy, rule)
  const found = file && findRule(file, rule)
  return isNamed(file, found) ? taken(file!.text, found!) : undefined
}

function isNamed(file: PolicyFile | undefined, found: RuleLines | undefined): boolean {
  if (found === undefined) return false
  return ruleDocument(file!.text.slice(found.start, found.end)).map.has('id')
}

function taken(text: string, { top, start, end, indent }: RuleLines): TakenLines {
  const above = countLines(text.slice(top, start))
  return { text: withBreak(text.slice(top, end)), above, indent }
}

function replaced(
  policy: DocumentedPolicy,
  index: number,
  rule: Rule,
): DocumentedPolicy | undefined {
  const old = policy.rules[index]!
  const file = fileOf(policy, old)
  const found = file && findRule(file, old)
  if (found === undefined) return undefined
  const { start, end, indent } = found
  const lines = rewritten(file!.text.slice(start, end), old, rule)
  const { policy: shifted, line } = spliced(policy, file!, start, end, onlyRuleLines(lines, indent))
  const placed = { ...rule, place: { file: file!.name, line } }
  return { ...shifted, rules: shifted.rules.with(index, placed) }
}

/** A document with the rule of these lines as it is to be, and its comments. */
function rewritten(lines: string, old: Rule, rule: Rule): string {
  const { document, map } = ruleDocument(lines)
  const [before, after] = [itemOf(old), itemOf(rule)]
  map.flow = false
  const action = pairsOf(map).find(({ key }) => parseAction(key.value) !== undefined)!
  action.key.value = rule.action
  if (!map.has('id')) map.items.unshift(document.createPair('id', rule.id))
  const comments: string[] = []
  for (const [key, value] of Object.entries(after)) {
    if (key === rule.action ? after[key] === before[old.action] : before[key] === value) continue
    const scalar = map.get(key, true)
    if (scalar !== undefined) delete scalar.type
    map.set(key, value)
  }
  for (const key of Object.keys(before)) {
    if (key in after || key === old.action) continue
    const { key: name, value } = pairsOf(map).find(pair => pair.key.value === key)!
    comments.push(
      ...[name.commentBefore, value!.commentBefore, value!.comment].flatMap(c => c ?? []),
    )
    map.delete(key)
  }
  if (comments.length > 0) {
    action.key.commentBefore = [...comments, action.key.commentBefore ?? []].flat().join('\n')
  }
  return document.toString(LAYOUT)
}

/** The policy with every rule on lines of its own and every id written, as any edit can be made. */
function writtenOut(policy: DocumentedPolicy): DocumentedPolicy | undefined {
  const read = mergeDocuments(policy.documents)
  if (!read.ok || read.rules.length !== policy.rules.length) return undefined
  const left = [...read.rules]
  const sorted = [...policy.documents].sort((a, b) => (a.name < b.name ? -1 : 1))
  const documents = sorted.map(({ name, text }) => {
    const document = parseDocument(text.replace(/^\ufeff/, ''))
    const list = document.get('rules') as YAMLSeq<YAMLMap> | undefined
    if (list === undefined || list.items.length === 0) return { name, text }
    for (const { key } of pairsOf(document.contents as YAMLMap)) delete key.type
    list.flow = false
    for (const map of list.items) {
      const { id } = left.shift()!
      map.flow = false
      if (!map.has('id')) map.items.unshift(document.createPair('id', id))
    }
    return { name, text: document.toString(LAYOUT) }
  })
  const again = mergeDocuments(documents)
  if (!again.ok) return undefined
  const { ok: _, ...said } = again
  return { ...said, documents }
}

/** Whether others that have no id of their own would be called something else without a rule. */
function renamesOthers(policy: DocumentedPolicy, { id }: Rule): boolean {
  const linesByFile = new Map<string, readonly string[]>()
  return policy.rules.some(other => {
    if (!wouldTake(other, id)) return false
    const file = fileOf(policy, other)
    if (file === undefined) return true
    const lines = linesByFile.get(file.name) ?? file.text.split('\n')
    linesByFile.set(file.name, lines)
    return !startsWithId(lines[other.place!.line - 1]) && !isNamed(file, findRule(file, other))
  })
}

function inOwnFile(policy: DocumentedPolicy, rule: Rule): DocumentedPolicy {
  const names = new Set(policy.documents.map(({ name }) => name))
  let name = `${OWN_FILE}.yaml`
  for (let n = 2; names.has(name); n++) name = `${OWN_FILE}-${n}.yaml`
  const text = formatPolicyDocument({ rules: [rule] })
  return {
    ...policy,
    rules: [{ ...rule, place: { file: name, line: 2 } }],
    documents: [...policy.documents, { name, text }],
  }
}

/**
 * Puts text in the place of whole lines of a file, and everything behind it on other lines.
 * @returns the policy then, and the line on which the text starts.
 */
function spliced(
  policy: DocumentedPolicy,
  file: PolicyFile,
  start: number,
  end: number,
  lines: string,
): { readonly policy: DocumentedPolicy; readonly line: number } {
  const { name, text } = file
  const head = withBreak(text.slice(0, start))
  const put = lines.replace(/\r?\n/g, text.includes('\r\n') ? '\r\n' : '\n')
  const line = countLines(head) + 1
  const gone = countLines(withBreak(text.slice(start, end)))
  const by = countLines(put) - gone
  const placed = <T extends { readonly place?: Place | undefined }>(what: T): T => {
    const { place } = what
    if (by === 0 || place?.file !== name || place.line < line + gone) return what
    return { ...what, place: { file: name, line: place.line + by } }
  }
  const { rules, sets, tags, tests, documents } = policy
  const edited = { name, text: head + put + text.slice(end) }
  return {
    policy: {
      ...policy,
      rules: rules.map(placed),
      sets: sets.map(placed),
      tags: tags.map(placed),
      tests: tests.map(placed),
      documents: documents.map(each => (each.name === name ? edited : each)),
    },
    line,
  }
}

function fitting(policy: DocumentedPolicy | undefined): DocumentedPolicy | undefined {
  const isLarge = policy?.documents.some(({ text }) => text.length > DOCUMENT_CHARS_MAX)
  return isLarge === true ? undefined : policy
}

function fileOf({ documents }: DocumentedPolicy, { place }: Rule): PolicyFile | undefined {
  return documents.find(({ name }) => name === place?.file)
}

/** Where the first rule goes: in front of what is said of the one that was first. */
function firstPlace(text: string, top: number): number {
  const key = rulesKey(text, top)
  return key === undefined ? top : nextLine(text, key)
}

/** Where `rules:` ends on the line above the first rule, comments and blank lines aside. */
function rulesKey(text: string, top: number): number | undefined {
  let at = top
  let line: string
  do {
    at = previousLine(text, at)
    line = lineAt(text, at).trimEnd()
  } while (/^\s*(#.*)?$/.test(line) && at > 0)
  const key = rulesPattern.exec(line)?.[0]
  return key === undefined ? undefined : at + key.length
}

/** Where lines that are taken out end: with the blank ones behind, where some are in front, too. */
function blankEnd(text: string, { top, end }: RuleLines): number {
  const isBlank = (at: number): boolean => lineAt(text, at).trim() === ''
  let blank = end
  if (top > 0 && isBlank(previousLine(text, top))) {
    while (blank < text.length && isBlank(blank)) blank = nextLine(text, blank)
  }
  return blank
}

function itemOf(rule: Rule): Readonly<Record<string, string | number | boolean>> {
  const { rules } = parse(formatPolicyDocument({ rules: [rule] })) as {
    readonly rules: readonly Readonly<Record<string, string | number | boolean>>[]
  }
  return rules[0]!
}

function pairsOf(map: YAMLMap): Pair<Scalar<string>, Scalar>[] {
  return map.items as Pair<Scalar<string>, Scalar>[]
}

function insertText(text: string, at: number, put: string): string {
  return text.slice(0, at) + put + text.slice(at)
}

function withBreak(text: string): string {
  return text === '' || text.endsWith('\n') ? text : `${text}\n`
}

function countLines(text: string): number {
  let count = 0
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) count++
  return count
}
