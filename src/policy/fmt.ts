import type { Document, Node, Pair, Scalar, YAMLMap, YAMLSeq } from 'yaml'
import { parsePolicyDocument } from './document.js'
import { laidOut, syntaxOf } from './layout.js'
import type { SetElement, TestEnd } from './policy.js'
import type { PolicyProblem } from './policy-problem.js'
import { formatSides, parseAction, parseSides, type Sides } from './rule-text.js'
import { formatSetElement, parseSetElement } from './set-element.js'
import { formatTestEnd, parseTestEnd } from './test-text.js'
import { formatTime, parseTime } from './time-text.js'
import type { PolicyFile } from './yaml-source.js'

/** A file in the one form, or why it has none. */
export type Formatted =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly problems: readonly PolicyProblem[] }

/**
 * Writes a policy file anew: same keys in the same order, same comments and blank lines, but one
 * way to indent, to quote and to write a selector. What it writes it would write again.
 */
export function formatSource(file: PolicyFile): Formatted {
  const read = parsePolicyDocument(file.text, file.name)
  if (!read.ok) return read
  const once = formatted(file.text)
  // A comment behind a brace that goes has its place only when it is read again.
  return { ok: true, text: once === file.text ? once : formatted(once) }
}

function formatted(text: string): string {
  const document = syntaxOf(text)
  formatDocument(document)
  return laidOut(document)
}

function formatDocument({ contents }: Document): void {
  for (const { key, value } of pairsOf(contents as Node)) {
    switch (textOf(key)) {
      case 'rules':
        for (const item of itemsOf(value)) formatRuleItem(item)
        break
      case 'sets':
        for (const set of pairsOf(value))
          for (const item of itemsOf(set.value)) plain(item, element)
        break
      case 'tags':
        for (const tag of pairsOf(value)) for (const item of itemsOf(tag.value)) plain(item)
        break
      default:
        for (const test of itemsOf(value)) formatTestItem(test)
    }
  }
}

function formatRuleItem(item: Node): void {
  const map = item as YAMLMap
  map.flow = false
  for (const { key, value } of pairsOf(item)) {
    const word = textOf(key)
    plain(value, text => {
      if (parseAction(word) !== undefined) return sides(text)
      return word === 'expires' ? time(text) : text.trim()
    })
  }
}

function formatTestItem(item: Node): void {
  for (const { key, value } of pairsOf(item)) {
    const word = textOf(key)
    plain(value, text => (word === 'from' || word === 'to' ? end(text) : text))
  }
}

// The file has been read before: everything is of the kind it has to be, and each text has a form.

/** Takes away how a scalar was quoted, and writes its text in the one form. */
function plain(node: Node | null, format: (text: string) => string = text => text): void {
  const scalar = node as Scalar
  delete scalar.type
  delete scalar.format
  if (typeof scalar.value === 'string') scalar.value = format(scalar.value)
}

function sides(text: string): string {
  return formatSides(parseSides(text) as Sides)
}

function element(text: string): string {
  return formatSetElement(parseSetElement(text) as SetElement)
}

function end(text: string): string {
  return formatTestEnd(parseTestEnd(text) as TestEnd)
}

function time(text: string): string {
  return formatTime(parseTime(text) as number)
}

function pairsOf(node: Node | null): Pair<Node, Node | null>[] {
  return (node as YAMLMap<Node, Node | null>).items
}

function itemsOf(node: Node | null): Node[] {
  return (node as YAMLSeq<Node>).items
}

function textOf(key: Node): string {
  return (key as Scalar<string>).value
}
