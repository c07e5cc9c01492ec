const codes = {
  bold: [1, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
} as const
export type Colour = keyof typeof codes

/**
 * Whether what goes to a stream is coloured: to a terminal, and elsewhere when `FORCE_COLOR` asks for
 * it; never when `NO_COLOR` (no-color.org) forbids it, `FORCE_COLOR` is 0, or the terminal is dumb.
 */
export function wantsColour(
  { isTTY }: { readonly isTTY?: boolean },
  { NO_COLOR: no, FORCE_COLOR: force, TERM: terminal }: NodeJS.ProcessEnv = process.env,
): boolean {
  if (no) return false
  if (force) return force !== '0' && force !== 'false'
  return isTTY === true && terminal !== 'dumb'
}

/** Colours text where that is wanted. */
export function colour(
  name: Colour,
  text: string,
  stream: NodeJS.WriteStream = process.stdout,
): string {
  if (!wantsColour(stream)) return text
  const [on, off] = codes[name]
  return `\u001b[${on}m${text}\u001b[${off}m`
}

export function bold(text: string, stream?: NodeJS.WriteStream): string {
  return colour('bold', text, stream)
}
