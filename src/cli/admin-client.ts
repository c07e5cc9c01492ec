import { open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { DaemonOptions } from './command.js'
import { noDaemon, placeOf, readDaemonFile, runningDaemon, stateDirOf } from './daemon-place.js'
import { errorCode, errorText, EXIT, failed, Failure, usage } from './fail.js'
import { note } from './output.js'
import { printable } from './printable.js'
import { Stale, type StaleBody } from './stale.js'
import { tokenIn, tokenInVariable } from './token-text.js'

type Method = 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE'

/** The shape of every refusal. */
interface Refused {
  readonly code: string
  readonly message: string
  readonly details?: unknown
  readonly comparison?: unknown
}

/** A detail of a refusal that stands somewhere in a policy document. */
interface Place {
  readonly file: string
  readonly line: number
  readonly column: number
  readonly message: string
}

/** Answers that mean "what you asked for is wrong" rather than "it did not work". */
const REFUSED_STATUS = new Set([400, 409, 412, 413, 415, 422, 507])

/** Speaks REST with one daemon, with the admin's token. */
export class AdminClient {
  readonly #base: URL
  readonly #token: string

  private constructor(base: URL, token: string) {
    this.#base = base
    this.#token = token
  }

  /**
   * Finds the daemon and the admin token: `$V4V_ADMIN_TOKEN`, else the token file of the context
   * that names the daemon, else what the state folder of a local daemon says.
   * @throws Failure with what to do, when either is missing.
   */
  static async open(options: DaemonOptions): Promise<AdminClient> {
    const base = await adminUrl(options)
    return new AdminClient(base, await adminToken(options, base))
  }

  get url(): string {
    return this.#base.href
  }

  get<T>(path: string): Promise<T> {
    return this.call<T>('GET', path)
  }

  /**
   * One request.
   * @param path below the daemon's address, such as `/v1/rules`.
   * @param body sent as JSON, when there is one.
   * @returns the answer's JSON; its shape is the daemon's promise.
   * @throws Failure: exit code 3 when the daemon refuses what was asked for, else 1.
   */
  async call<T>(
    method: Method,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<T> {
    const response = await this.request(method, path, body, headers)
    const text = await response.text()
    try {
      return (text === '' ? undefined : JSON.parse(text)) as T
    } catch (error) {
      throw failed(
        `${this.#base.origin} answered ${path} with no JSON`,
        'is it a v4v daemon?',
        error,
      )
    }
  }

  /** One request whose answer's body is read by the caller. */
  async request(
    method: Method,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Response> {
    const init: RequestInit = {
      method,
      headers: {
        authorization: `Bearer ${this.#token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    }
    const response = await reach(new URL(path, this.#base), init)
    if (response.ok) return response
    throw await refusal(response)
  }
}

/** Sends a request; no credentials of its own. */
export async function reach(url: URL, init: RequestInit = {}): Promise<Response> {
  try {
    return await fetch(url, { redirect: 'error', ...init })
  } catch (error) {
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error
    throw failed(
      `no daemon answers at ${url.origin}: ${errorText(cause)}`,
      'start one with "v4v serve", or name another with --url or --context',
      error,
    )
  }
}

/** Where the daemon's REST interface is. */
export async function adminUrl(options: DaemonOptions): Promise<URL> {
  const { by, url: asked } = await placeOf(options)
  // $V4V_URL may be meant for domains: a Unix socket has no REST interface.
  const isOther = asked?.protocol === 'unix:' && by === 'environment'
  if (asked === undefined || isOther) return new URL((await runningDaemon(options)).url)
  switch (asked.protocol) {
    case 'ws:':
      return new URL(`http://${asked.host}`)
    case 'wss:':
      return new URL(`https://${asked.host}`)
    case 'unix:':
      throw by === 'context'
        ? usage('the context has only a socket, which is for datagrams', 'give it a --url')
        : usage('a unix: URL is for the datagrams of a domain', 'use http://host:8484 here')
    default:
      return asked
  }
}

/**
 * A context's token goes to that context's daemon, and one from the state folder only when the
 * address is that daemon's own: a token must not go to whoever answers at some other URL.
 */
async function adminToken(options: DaemonOptions, base: URL): Promise<string> {
  const { tokenFile } = await placeOf(options)
  const given = tokenInVariable('V4V_ADMIN_TOKEN')
  // Whoever says --context means all of it.
  const isFirst = options.context !== undefined || given === undefined
  if (tokenFile !== undefined && isFirst) return readTokenFile(tokenFile)
  if (given !== undefined) return given
  const dir = await stateDirOf(options)
  const daemon = await readDaemonFile(dir)
  if (daemon === undefined || new URL(daemon.url).origin !== base.origin) {
    throw failed(
      `there is no admin token for ${base.origin}`,
      'set V4V_ADMIN_TOKEN to the text in admin.token of that daemon, or name its file in a context',
    )
  }
  const path = join(dir, 'admin.token')
  try {
    const token = tokenIn(await readFile(path, 'utf8'))
    if (token !== undefined) return token
  } catch (error) {
    if (errorCode(error) === 'ENOENT') throw noDaemon(dir)
    throw failed(
      `${path} can't be read: ${errorCode(error)}`,
      'run as the user the daemon runs as, or set V4V_ADMIN_TOKEN',
      error,
    )
  }
  throw failed(`${path} holds no token`, 'make another with "v4v state token"')
}

/**
 * Reads a file that holds an admin token and nothing else.
 * @throws Failure when it can't be read, or could be by others than its owner.
 */
export async function readTokenFile(path: string): Promise<string> {
  let text
  try {
    const file = await open(path)
    try {
      const { mode } = await file.stat()
      // Windows has no such bits.
      if ((mode & 0o077) !== 0 && process.platform !== 'win32') {
        throw failed(`others can read the token in ${path}`, `run: chmod 600 ${path}`)
      }
      text = await file.readFile('utf8')
    } finally {
      await file.close()
    }
  } catch (error) {
    if (error instanceof Failure) throw error
    throw failed(`the token file ${path} can't be read: ${errorCode(error)}`, undefined, error)
  }
  const token = tokenIn(text)
  // Anything else is some other file, which goes nowhere.
  if (token !== undefined) return token
  throw failed(`${path} holds no token`, 'write into it what "v4v token issue --admin ROLE" prints')
}

async function refusal(response: Response): Promise<Error> {
  const text = await response.text()
  const body = parseRefused(text)
  if (response.status === 412 && body?.comparison !== undefined) return new Stale(body as StaleBody)
  const what = body?.message ?? `the daemon answered ${response.status} ${response.statusText}`
  const code = body === undefined ? '' : ` (${body.code})`
  const answer = { answer: body }
  if (REFUSED_STATUS.has(response.status) || response.status === 403) {
    return new Failure(EXIT.refused, `${listed(what, places(body?.details))}${code}`, answer)
  }
  const toDo =
    response.status === 401 ? '; set V4V_ADMIN_TOKEN to the text in admin.token of the daemon' : ''
  return new Failure(EXIT.failed, `${what}${code}${toDo}`, answer)
}

/** Prints several things that are wrong a line each; the sentence that is left to say. */
function listed(what: string, lines: readonly string[]): string {
  const [first, second] = lines
  if (first === undefined || second === undefined) return what
  for (const line of lines) note(printable(line))
  // The daemon's sentence names the first of them itself.
  const intro = what.includes(first) ? what.slice(0, what.indexOf(first)) : what
  return intro.replace(/: $/, '') || `${lines.length} things are wrong with the policy`
}

/** What is wrong with policy documents, each on a line that editors can jump to. */
function places(details: unknown): string[] {
  if (!Array.isArray(details)) return []
  return (details as readonly Partial<Place>[]).flatMap(({ file, line, column, message }) => {
    if (file === undefined || message === undefined) return []
    const at = [file, line, column].filter(part => part !== undefined).join(':')
    return `${at}: ${message}`
  })
}

function parseRefused(text: string): Refused | undefined {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null) return undefined
    if (!('code' in value) || !('message' in value)) return undefined
    const { code, message } = value
    if (typeof code !== 'string' || typeof message !== 'string') return undefined
    return {
      code,
      message,
      ...('details' in value && { details: value.details }),
      ...('comparison' in value && { comparison: value.comparison }),
    }
  } catch {
    return undefined
  }
}
