// What a terminal would obey or reorder instead of showing: control characters, line and
// paragraph separators, marks that turn the direction of writing, halves of surrogate pairs.
const unprintablePattern =
  /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Text from elsewhere, such that a terminal shows it and does nothing else. */
export function printable(text: string): string {
  return text.replace(unprintablePattern, escapeCharacter)
}

/** A payload for people: UTF-8 as it is, other bytes as `\xNN`, nothing that a terminal obeys. */
export function printableBytes(bytes: Uint8Array): string {
  const text = decodeUtf8(bytes)
  if (text !== undefined) return printable(text)
  return Array.from(bytes, byte =>
    byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : hexEscape(byte),
  ).join('')
}

/** The text, or undefined when the bytes are not UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes)
  } catch {
    return undefined
  }
}

/** JSON on one line or indented, with what a terminal would obey escaped in the strings. */
export function printableJson(value: unknown, indent = 0): string {
  return escapeUnprintable(JSON.stringify(value, undefined, indent))
}

/** Text of JSON or YAML with what a terminal would obey, but for newlines, written as `\\uNNNN`. */
export function escapeUnprintable(text: string): string {
  return text.replace(unprintablePattern, character =>
    character === '\n' ? character : `\\u${hex(character.charCodeAt(0), 4)}`,
  )
}

/** Whether a terminal shows the text and does nothing else. */
export function isPrintable(text: string): boolean {
  return text.search(unprintablePattern) === -1
}

function escapeCharacter(character: string): string {
  switch (character) {
    case '\n':
      return '\\n'
    case '\r':
      return '\\r'
    case '\t':
      return '\\t'
    default: {
      const code = character.charCodeAt(0)
      return code < 0x100 ? hexEscape(code) : `\\u${hex(code, 4)}`
    }
  }
}

function hexEscape(byte: number): string {
  return `\\x${hex(byte, 2)}`
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0')
}
