import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A file of the console as it is sent. */
export interface ConsoleFile {
  readonly body: Buffer
  readonly type: string
  /** A hash of what is in it, in quotes. */
  readonly etag: string
}

/** The page that all of the console is shown in. */
export const CONSOLE_PAGE = 'index.html'

/**
 * Only the console's own scripts, styles and requests, and no text that becomes markup or code; a
 * picture of the policy is drawn from a data: URL, where it can do nothing.
 */
export const CONSOLE_CSP = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ')

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml; charset=utf-8',
}

// What is written by hand is served from where it is written, scripts from where they are compiled.
const handwritten = new URL('../../../src/console/', import.meta.url)
const compiled = new URL('.', new URL('../console/main.js', import.meta.url))

/**
 * Reads all of the console, by paths below /console such as `views/flows.js`. Nothing else can be
 * asked for, whatever a request says: files are looked up here and never on the disk.
 */
export function readConsole(): ReadonlyMap<string, ConsoleFile> {
  return new Map([
    ...filesOf(handwritten, ['.html', '.css', '.svg']),
    ...filesOf(compiled, ['.js']),
  ])
}

function filesOf(folder: URL, endings: readonly string[]): [string, ConsoleFile][] {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map(name => name.replaceAll('\\', '/'))
    .filter(name => endings.includes(extname(name)))
    .map(name => {
      const body = readFileSync(fileURLToPath(new URL(name, folder)))
      const etag = `"${createHash('sha256').update(body).digest('base64url')}"`
      return [name, { body, type: types[extname(name)]!, etag }]
    })
}
