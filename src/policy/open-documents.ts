import { DOCUMENT_CHARS_MAX, type PolicyFile } from './yaml-source.js'
import { formatPolicyDocument, type DocumentedPolicy } from './document.js'
import { LineList, type Line } from './line-list.js'
import type { Place } from './policy.js'
import { isNumbered, wouldTake } from './rule-ids.js'
import {
  findRule,
  indented,
  onlyRuleLines,
  ruleDocument,
  startsWithId,
  type RuleLines,
} from './rule-lines.js'
import { rewrittenRule } from './rule-rewrite.js'
import type { Rule } from './rule.js'
import { writtenOut } from './written-out.js'

/** The lines of a rule with the comment above it, as they stood somewhere. */
export interface TakenLines {
  readonly text: string
  /** How many of them are the comment. */
  readonly above: number
  /** Blanks in front of its dash. */
  readonly indent: number
}

/** A file while rules in it are edited. */
interface Sheet {
  readonly name: string
  readonly lines: LineList
  readonly isCrlf: boolean
  /** How many rules stand in it. */
  rules: number
}

/** A rule, and the line it starts on, where its place says so. */
interface Entry {
  rule: Rule
  sheet: Sheet | undefined
  line: Line | undefined
}

/** A rule that was found where it is said to be. */
interface Found extends RuleLines {
  readonly sheet: Sheet
}

/** Where lines can be put, and how far to the right. */
interface Opening {
  readonly sheet: Sheet
  /** The line that they are to stand in front of. */
  readonly at: Line
  readonly indent: number
}

/** Of a file of rules that none of the others had a place for. */
const OWN_FILE = 'rules'
const rulesPattern = /^rules:\s*(#.*)?$/
const asidePattern = /^\s*(#.*)?$/

/**
 * The files of a policy while rules in them are edited, one by one or many: each edit costs what
 * there is of the rule it is about. Everything else stays as it was written. A comment right above
 * a rule, with no blank line between, is the rule's and goes where it goes.
 *
 * Edits say whether they could be made; after one that could not, this is of no use any more.
 */
export class OpenDocuments {
  #policy: DocumentedPolicy
  readonly #sheets = new Map<string, Sheet>()
  #entries: Entry[] = []
  readonly #byId = new Map<string, Entry>()
  /** Rules whose ids may have been made for them, and would be others if lower ones were free. */
  #numbered: readonly Entry[] | undefined

  /** @param policy with rules that say what the documents say. */
  constructor(policy: DocumentedPolicy) {
    this.#policy = policy
    this.#open(policy)
  }

  /**
   * Adds a rule.
   * @param after the id of the rule it stands behind; undefined for the first place.
   * @param own lines that say it, taken elsewhere.
   */
  insert(rule: Rule, after: string | undefined, own?: TakenLines): boolean {
    if (this.#entries.length === 0) {
      this.#insertInOwnFile(rule)
      return true
    }
    return this.#try(() => {
      const place = this.#placeBehind(after)
      if (place === undefined) return false
      const text = onlyRuleLines(formatPolicyDocument({ rules: [rule] }), place.indent)
      this.#put(rule, after, place, own ?? { text, above: 0, indent: place.indent })
      return true
    })
  }

  /** Takes a rule out. */
  remove(id: string): boolean {
    if (this.#renamesOthers(id) && !this.#writeOut()) return false
    return this.#try(() => {
      const entry = this.#byId.get(id)!
      const found = this.#find(entry)
      return found !== undefined && this.#cut(entry, found)
    })
  }

  /** Makes a rule say something else. */
  update(rule: Rule): boolean {
    return this.#try(() => {
      const entry = this.#byId.get(rule.id)!
      const found = this.#find(entry)
      if (found === undefined) return false
      const { sheet, start, end } = found
      const text = rewritten(entry, found, rule)
      sheet.lines.remove(start, end)
      entry.rule = rule
      entry.line = insertLines(sheet, end, text)[0]!
      return true
    })
  }

  /** Makes a rule say something else, and stand behind another. */
  move(rule: Rule, after: string | undefined): boolean {
    if (this.#placeIn(rule.id) === this.#placeIn(after) + 1) return this.update(rule)
    return this.#try(() => {
      const entry = this.#byId.get(rule.id)!
      const found = this.#find(entry)
      if (found === undefined || this.#placeBehind(after) === undefined) return false
      const { sheet, top, start, indent } = found
      const comment = sheet.lines.text(top, start)
      const text = comment + rewritten(entry, found, rule)
      if (!this.#cut(entry, found)) return false
      const own = { text, above: countLines(comment), indent }
      this.#put(rule, after, this.#placeBehind(after)!, own)
      return true
    })
  }

  /**
   * The lines of a rule as they stand in the documents, for another place.
   * @returns undefined when they do not say by themselves what the rule says, its id included.
   */
  linesOf(id: string): TakenLines | undefined {
    const found = this.#find(this.#byId.get(id)!)
    if (found === undefined || !isNamed(found)) return undefined
    const { sheet, top, start, end, indent } = found
    const above = countLines(sheet.lines.text(top, start))
    return { text: withBreak(sheet.lines.text(top, end)), above, indent }
  }

  /**
   * The policy by now, with the places of everything as they are then.
   * @returns undefined when a document is too large.
   */
  close(): DocumentedPolicy | undefined {
    for (const { lines } of this.#sheets.values()) lines.count()
    const placed = <T extends { readonly place?: Place | undefined }>(what: T): T => {
      const { place } = what
      const line = place && this.#sheets.get(place.file)?.lines.at(place.line)
      return line === undefined ? what : placedAt(what, place!.file, line)
    }
    const { sets, tags, tests } = this.#policy
    const documents = this.#documents()
    if (documents.some(({ text }) => text.length > DOCUMENT_CHARS_MAX)) return undefined
    return {
      rules: this.#entries.map(({ rule, sheet, line }) =>
        line === undefined ? rule : placedAt(rule, sheet!.name, line),
      ),
      sets: sets.map(placed),
      tags: tags.map(placed),
      tests: tests.map(placed),
      documents,
    }
  }

  #open(policy: DocumentedPolicy): void {
    this.#policy = policy
    this.#numbered = undefined
    this.#sheets.clear()
    this.#byId.clear()
    for (const { name, text } of policy.documents) this.#openFile(name, text)
    this.#entries = policy.rules.map(rule => {
      const { place } = rule
      const sheet = place && this.#sheets.get(place.file)
      if (sheet !== undefined) sheet.rules++
      const entry = { rule, sheet, line: sheet?.lines.at(place!.line) }
      this.#byId.set(rule.id, entry)
      return entry
    })
  }

  #openFile(name: string, text: string): Sheet {
    const sheet = { name, lines: new LineList(text), isCrlf: text.includes('\r\n'), rules: 0 }
    this.#sheets.set(name, sheet)
    return sheet
  }

  #documents(): readonly PolicyFile[] {
    return [...this.#sheets.values()].map(({ name, lines }) => ({ name, text: lines.text() }))
  }

  /** Makes an edit, if need be after everything was written so that any can be made. */
  #try(edit: () => boolean): boolean {
    return edit() || (this.#writeOut() && edit())
  }

  #writeOut(): boolean {
    const rules = this.#entries.map(({ rule }) => rule)
    const plain = writtenOut({ ...this.#policy, rules, documents: this.#documents() })
    if (plain !== undefined) this.#open(plain)
    return plain !== undefined
  }

  #find({ rule, sheet, line }: Entry): Found | undefined {
    if (sheet === undefined || line === undefined) return undefined
    const found = findRule(sheet.lines, line, rule)
    return found && { ...found, sheet }
  }

  /** Where a rule stands among the others, counted from 1; 0 for what is in front of all. */
  #placeIn(id: string | undefined): number {
    return id === undefined ? 0 : this.#entries.indexOf(this.#byId.get(id)!) + 1
  }

  /** Where lines go that are to stand behind a rule. */
  #placeBehind(after: string | undefined): Opening | undefined {
    const found = this.#find(after === undefined ? this.#entries[0]! : this.#byId.get(after)!)
    if (found === undefined) return undefined
    const { sheet, top, end, indent } = found
    // In front of what is said of the rule that was first.
    const at = after === undefined ? (rulesKey(sheet, top)?.after ?? top) : end
    return { sheet, at, indent }
  }

  #put(
    rule: Rule,
    after: string | undefined,
    { sheet, at, indent }: Opening,
    own: TakenLines,
  ): void {
    const lines = insertLines(sheet, at, indented(own.text, own.indent, indent))
    const entry = { rule, sheet, line: lines[own.above] }
    sheet.rules++
    this.#entries.splice(this.#placeIn(after), 0, entry)
    this.#byId.set(rule.id, entry)
  }

  #cut(entry: Entry, { sheet, top, end }: Found): boolean {
    if (sheet.rules === 1) {
      const key = rulesKey(sheet, top)
      if (key === undefined) return false
      // A list without items is written in another way.
      key.text = key.text.replace(/^rules:/, 'rules: []')
    }
    sheet.lines.remove(top, blankEnd(sheet, top, end))
    sheet.rules--
    const { id } = entry.rule
    this.#entries.splice(this.#placeIn(id) - 1, 1)
    this.#byId.delete(id)
    return true
  }

  #insertInOwnFile(rule: Rule): void {
    let name = `${OWN_FILE}.yaml`
    for (let n = 2; this.#sheets.has(name); n++) name = `${OWN_FILE}-${n}.yaml`
    const sheet = this.#openFile(name, formatPolicyDocument({ rules: [rule] }))
    sheet.rules++
    const entry = { rule, sheet, line: sheet.lines.at(2) }
    this.#entries.push(entry)
    this.#byId.set(rule.id, entry)
  }

  /** Whether others that have no id of their own would be called something else without a rule. */
  #renamesOthers(id: string): boolean {
    this.#numbered ??= this.#entries.filter(
      ({ rule, line }) => isNumbered(rule) && (line === undefined || !startsWithId(line)),
    )
    return this.#numbered.some(
      entry =>
        this.#byId.get(entry.rule.id) === entry &&
        wouldTake(entry.rule, id) &&
        !isNamed(this.#find(entry)),
    )
  }
}

/** The line that says `rules:` above the first rule, when there are but comments in between. */
function rulesKey({ lines }: Sheet, top: Line): Line | undefined {
  let line = top.before
  while (line !== lines.end && asidePattern.test(line.text.trimEnd())) line = line.before
  return rulesPattern.test(line.text.trimEnd()) ? line : undefined
}

/** Where lines that are taken out end: with the blank ones behind, where some are in front, too. */
function blankEnd({ lines }: Sheet, top: Line, end: Line): Line {
  const isBlank = (line: Line): boolean => line !== lines.end && line.text.trim() === ''
  let blank = end
  if (isBlank(top.before)) while (isBlank(blank)) blank = blank.after
  return blank
}

function insertLines({ lines, isCrlf }: Sheet, at: Line, text: string): readonly Line[] {
  at.before.text = withBreak(at.before.text)
  return lines.insert(at, text.replace(/\r?\n/g, isCrlf ? '\r\n' : '\n'))
}

function rewritten({ rule: old }: Entry, { sheet, start, end, indent }: Found, rule: Rule): string {
  return onlyRuleLines(rewrittenRule(sheet.lines.text(start, end), old, rule), indent)
}

/** True when the lines of a rule say its id. */
function isNamed(found: Found | undefined): boolean {
  if (found === undefined) return false
  const { sheet, start, end } = found
  return startsWithId(start) || ruleDocument(sheet.lines.text(start, end)).map.has('id')
}

function placedAt<T extends { readonly place?: Place | undefined }>(
  what: T,
  file: string,
  { number: line }: Line,
): T {
  const { place } = what
  return place?.file === file && place.line === line ? what : { ...what, place: { file, line } }
}

function withBreak(text: string): string {
  return text === '' || text.endsWith('\n') ? text : `${text}\n`
}

function countLines(text: string): number {
  return text.split('\n').length - 1
}
