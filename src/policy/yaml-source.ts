import {
  Composer,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  Parser,
  visit,
  type CST,
  type Document,
  type Node,
  type Scalar,
} from 'yaml'
import { quote } from '../abi/addr.js'
import type { Place } from './policy.js'
import type { PolicyProblem } from './policy-problem.js'

/** A policy file as it was found. */
export interface PolicyFile {
  readonly name: string
  readonly text: string
}

/** A policy file, in UTF-16 units. */
export const DOCUMENT_CHARS_MAX = 8 * 1024 * 1024
/** Problems that are told of one policy; what is behind them is not looked at any more. */
export const PROBLEMS_MAX = 1_000
/** How deep lists and mappings may lie in each other, in steps of the parser; a rule takes 5. */
const NESTING_MAX = 32
/** What `!!` stands for in front of a tag. */
const TAG_PREFIX = 'tag:yaml.org,2002:'

/**
 * The YAML of a policy file: a syntax tree in which everything has its place in the text. It is
 * never turned into values, so no alias is followed and no key can do harm. Of YAML it lets
 * through what a person writes by hand: one document without aliases, anchors and tags.
 */
export class YamlSource {
  readonly #file: PolicyFile
  readonly #lines = new LineCounter()
  readonly #problems: PolicyProblem[] = []

  constructor(file: PolicyFile) {
    // What no editor shows is no column.
    this.#file = { name: file.name, text: file.text.replace(/^\ufeff/, '') }
    this.#lines.addNewLine(0)
  }

  /** What was reported, in the order of the text. */
  get problems(): readonly PolicyProblem[] {
    return [...this.#problems].sort((a, b) => a.line - b.line || a.column - b.column)
  }

  /** Reports a problem at an offset into the text; those beyond PROBLEMS_MAX are left out. */
  report(offset: number, message: string): void {
    if (this.#problems.length >= PROBLEMS_MAX) return
    const { line, col } = this.#lines.linePos(offset)
    this.#problems.push({ file: this.#file.name, line, column: col, message })
  }

  /** The line an offset is on, counted from 1. */
  line(offset: number): number {
    return this.#lines.linePos(offset).line
  }

  /** An offset as `file:line`. */
  place(offset: number): string {
    return `${this.#file.name}:${this.line(offset)}`
  }

  /** The place of an offset. */
  at(offset: number): Place {
    return { file: this.#file.name, line: this.line(offset) }
  }

  /** Where a node starts. */
  offset(node: Node): number {
    return node.range![0]
  }

  /** Where the character at `index` of a scalar's text stands, as far as quoting lets it be seen. */
  offsetIn(scalar: Scalar<string>, index: number): number {
    const start = this.offset(scalar)
    const open = scalar.type === 'PLAIN' ? start : start + 1
    return this.#file.text.startsWith(scalar.value, open) ? open + index : start
  }

  /**
   * The top of the tree, null when the file is empty.
   * @returns undefined when the file is not sound and that was reported.
   */
  parse(): Node | null | undefined {
    const { text } = this.#file
    if (text.length > DOCUMENT_CHARS_MAX) {
      const found = `not ${text.length}: split it`
      this.report(0, `a policy file has at most ${DOCUMENT_CHARS_MAX} characters, ${found}`)
      return undefined
    }
    const tokens = this.#tokens()
    if (tokens === undefined) return undefined
    // Keys that come twice are left to whoever reads the mapping and can say where the first is.
    const composer = new Composer({ uniqueKeys: false })
    const [document, second] = composer.compose(tokens, true, text.length)
    this.#check(document!)
    if (second !== undefined) {
      const advice = 'put the second one into a file of its own'
      this.report(second.range[0], `a policy file is one document: ${advice}`)
    }
    return this.#problems.length > 0 ? undefined : document!.contents
  }

  /** The text's syntax, unless it is nested so deep that composing it would exhaust the stack. */
  #tokens(): CST.Token[] | undefined {
    const tokens: CST.Token[] = []
    const parser = new Parser(this.#lines.addNewLine)
    for (const lexeme of new Lexer().lex(this.#file.text)) {
      tokens.push(...parser.next(lexeme))
      if (parser.stack.length > NESTING_MAX) {
        this.report(
          parser.offset,
          'lists and mappings are nested deeper here than any policy needs',
        )
        return undefined
      }
    }
    tokens.push(...parser.end())
    return tokens
  }

  /** Reports what YAML finds wrong and what YAML allows but a policy file does not. */
  #check(document: Document): void {
    if (document.directives?.yaml.explicit === true) {
      this.report(0, 'a policy file has no %YAML line: it is always YAML 1.2')
    }
    // The directives of a document that has none know one prefix, which YAML itself defines.
    if (Object.keys(document.directives!.tags).length > 1) {
      this.report(0, 'a policy file has no %TAG line: it has no YAML tags')
    }
    const aliasLines = new Set<number>()
    visit(document, (_, node) => {
      if (!isNode(node)) return
      const offset = this.offset(node)
      if (isAlias(node)) {
        aliasLines.add(this.line(offset))
        const advice = 'put the text in quotes, such as "*:* -> db:5432"'
        this.report(
          offset,
          `a bare * makes a YAML alias, which a policy file can't have: ${advice}`,
        )
      } else if (node.anchor !== undefined) {
        this.report(offset, `a policy file has no anchors: remove &${printable(node.anchor)}`)
      } else if (node.tag !== undefined) {
        this.report(
          offset,
          `a policy file has no YAML tags: remove ${printable(node.tag.replace(TAG_PREFIX, '!!'))}`,
        )
      }
    })
    for (const { code, pos, message } of [...document.errors, ...document.warnings]) {
      // Both are reported in better words already: `*:* -> db:80` is an alias with rubbish behind.
      if (code === 'TAG_RESOLVE_FAILED' || aliasLines.has(this.line(pos[0]))) continue
      const advice = code === 'BAD_SCALAR_START' ? ': put the text in quotes' : ''
      this.report(pos[0], `this is not sound YAML: ${printable(message)}${advice}`)
      break // the others mostly follow from this one
    }
  }
}

/** What a person would call a node. */
export function describe(node: Node | null): string {
  if (isMap(node)) return 'a mapping'
  if (isSeq(node)) return 'a list'
  if (!isScalar(node) || node.value === null) return 'an empty value'
  if (typeof node.value === 'string') return quote(node.value)
  return typeof node.value === 'boolean' ? `the value ${node.value}` : 'a number'
}

/** Foreign text inside a message, without what could upset a terminal. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, ' ')
}
