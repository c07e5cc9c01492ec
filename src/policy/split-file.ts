import type { Document } from 'yaml'
import { laidOut, syntaxOf } from './layout.js'
import type { Rule } from './rule.js'
import type { PolicyFile } from './yaml-source.js'

/** The syntax of a file without its rules, to be edited. */
export interface SplitFile {
  /** With one word in the place of the rules. */
  readonly document: Document
  /** The rules and all that stands between them; empty when the syntax has them. */
  readonly rules: string
}

const STAND_IN = 'rules-stand-here'
const standInPattern = new RegExp(`^ *- ${STAND_IN}\n`, 'm')
const itemPattern = /^( *)- /

/**
 * Takes the rules out of a file, since reading and writing thousands of them takes long, where they
 * stand on lines of their own.
 * @param rules of a policy, with their places.
 */
export function splitFile(file: PolicyFile, rules: readonly Rule[]): SplitFile {
  return withoutRules(file, rules) ?? { document: syntaxOf(file.text), rules: '' }
}

/** A file as `fmt` lays it out, its rules aside. */
export function joinFile({ name, text }: PolicyFile, { document, rules }: SplitFile): PolicyFile {
  const rest = laidOut(document)
  const all = rules === '' ? rest : rest.replace(standInPattern, () => rules)
  return { name, text: text.includes('\r\n') ? all.replace(/\r?\n/g, '\r\n') : all }
}

function withoutRules(file: PolicyFile, rules: readonly Rule[]): SplitFile | undefined {
  const places = rules.flatMap(({ place }) => (place?.file === file.name ? place.line - 1 : []))
  const lines = file.text.split(/(?<=\n)(?=[^])/)
  const [start, last] = [places[0], places.at(-1)]
  const indent = itemPattern.exec(lines[start ?? -1] ?? '')?.[1]!.length
  if (start === undefined || last === undefined || indent === undefined) return undefined
  let end = last + 1
  for (let next = end; next < lines.length; next++) {
    const inner = lines[next]!.search(/[^\s]/)
    if (inner >= 0 && inner <= indent) break
    if (inner >= 0) end = next + 1
  }
  const taken = lines.splice(start, end - start, `${' '.repeat(indent)}- ${STAND_IN}\n`)
  const document = syntaxOf(lines.join(''))
  // What goes on further to the left, inside of braces, was not all of a rule.
  if (document.errors.length > 0) return undefined
  const cut = taken.join('')
  return { document, rules: cut.endsWith('\n') ? cut : `${cut}\n` }
}
