import { parseDocument, type Document } from 'yaml'

const OPTIONS = { lineWidth: 0, singleQuote: true } as const

/** The syntax of a policy file, comments included, to be changed and laid out. */
export function syntaxOf(text: string): Document {
  // The parser would take the first half of CR LF for a part of comments.
  return parseDocument(text.replace(/^\ufeff/, '').replaceAll('\r\n', '\n'))
}

/** Writes a syntax down as policy files are laid out; lines end with LF. */
export function laidOut(document: Document): string {
  return document.toString(OPTIONS)
}
