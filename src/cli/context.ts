import { createRequire } from 'node:module'
import { isAbsolute } from 'node:path'
import type * as Yaml from 'yaml'
import { parseDaemonUrl, URL_FORMS } from './daemon-url.js'
import { failed, usage, type Failure } from './fail.js'

/** A name for a daemon: where it is, and where its admin token is kept. */
export interface Context {
  readonly name: string
  /** Where REST is, and datagrams by WebSocket. */
  readonly url?: string
  /** The state folder of a daemon on this machine; never together with `url` or `socket`. */
  readonly state?: string
  /** A Unix socket for datagrams. */
  readonly socket?: string
  /** A file with the text of an admin token, which only its owner may read. */
  readonly tokenFile?: string
}

const KEYS = ['url', 'state', 'socket', 'tokenFile'] as const
type Key = (typeof KEYS)[number]

const NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,62}$/

/** Says what is wrong with the name of a context: it is part of a file's name. */
export function contextNameProblem(name: string): string | undefined {
  if (NAME.test(name)) return undefined
  return `a context's name is 1 to 63 of A-Z a-z 0-9 . _ - and begins with neither . nor -, not ${JSON.stringify(name)}`
}

/** Says what is missing or too much in a context, if anything. */
export function contextProblem({ url, state, socket }: Omit<Context, 'name'>): string | undefined {
  if (url === undefined && state === undefined && socket === undefined) {
    return 'a context says where a daemon is: by url, state or socket'
  }
  if (state === undefined) return undefined
  if (url !== undefined)
    return 'a state folder says itself where its daemon is: it goes with no url'
  if (socket !== undefined) return 'a state folder has its own sockets: it goes with no socket'
  return undefined
}

/** The text of a context's file. */
export function formatContext(context: Context): string {
  const entries = KEYS.flatMap(key => (context[key] === undefined ? [] : [[key, context[key]]]))
  return yaml().stringify(Object.fromEntries(entries), { lineWidth: 0 })
}

/**
 * Reads the text of a context's file.
 * @param path named in errors.
 * @throws Failure with line and column, exit code 1, when it says something else.
 */
export function parseContext(name: string, path: string, text: string): Context {
  const { LineCounter, parseDocument, isMap, isScalar } = yaml()
  const lineCounter = new LineCounter()
  const document = parseDocument(text, { lineCounter, prettyErrors: false })
  const wrong = (offset: number, what: string): Failure => {
    const { line, col } = lineCounter.linePos(offset)
    return failed(`${path}:${line}:${col}: ${what}`, `mend it, or "v4v context rm ${name}"`)
  }
  const [error] = document.errors
  if (error !== undefined) throw wrong(error.pos[0], error.message)
  const { contents } = document
  const expected = `a context is a mapping with ${KEYS.join(', ')}`
  if (!isMap(contents)) throw wrong(contents?.range?.[0] ?? 0, expected)
  const values: Partial<Record<Key, string>> = {}
  for (const { key, value } of contents.items) {
    const at = isScalar(key) ? (key.range?.[0] ?? 0) : 0
    const known = KEYS.find(each => isScalar(key) && key.value === each)
    if (known === undefined) throw wrong(at, `${expected}, and nothing else`)
    if (!isScalar(value) || typeof value.value !== 'string' || value.value === '') {
      throw wrong(at, `${known} is a text`)
    }
    const problem = valueProblem(known, value.value)
    if (problem !== undefined) throw wrong(value.range?.[0] ?? at, problem)
    values[known] = value.value
  }
  const problem = contextProblem(values)
  if (problem !== undefined) throw wrong(contents.range?.[0] ?? 0, problem)
  return { name, ...values }
}

/** @throws Failure with exit code 2 for a name that none can have. */
export function checkContextName(name: string): void {
  const problem = contextNameProblem(name)
  if (problem !== undefined) throw usage(problem)
}

function valueProblem(key: Key, value: string): string | undefined {
  if (key !== 'url') return isAbsolute(value) ? undefined : `${key} is a path from the root on`
  const url = parseDaemonUrl(value)
  return url === undefined ? `url is the URL of a daemon, such as ${URL_FORMS}` : undefined
}

function yaml(): typeof Yaml {
  // Loaded only for those who have a context: all the others start faster without.
  return createRequire(import.meta.url)('yaml') as typeof Yaml
}
