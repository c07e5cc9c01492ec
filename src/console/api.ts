import type { Answers } from './answers.js'
import { endpoints, ROLES, type Call, type Role } from './endpoints.js'
import { isLeft, Problem, readProblem } from './problem.js'

/** What goes with a request. */
export interface Input {
  /** For the parts of the path in braces. */
  readonly params?: Readonly<Record<string, string | number>>
  /** What is undefined or empty is left out. */
  readonly query?: Readonly<Record<string, string | number | undefined>>
  readonly body?: unknown
  /** Why a change is made, for the audit log. */
  readonly reason?: string | undefined
  /** The revision that a change was made for. */
  readonly ifRevision?: number | undefined
  readonly accept?: string
  /** Ends the request with whatever it is for. */
  readonly signal?: AbortSignal | undefined
}

/** REST of the daemon that served the console, by an admin's token. */
export class Api {
  readonly role: Role
  readonly #token: string
  readonly #onRefusedToken: (problem: Problem) => void

  /** @param onRefusedToken is told when the token is valid no more. */
  constructor(token: string, role: Role, onRefusedToken: (problem: Problem) => void) {
    this.#token = token
    this.role = role
    this.#onRefusedToken = onRefusedToken
  }

  /** False for what the daemon would refuse this role. */
  may(call: Call): boolean {
    return this.isAtLeast(endpoints[call].role)
  }

  isAtLeast(role: Role): boolean {
    return ROLES.indexOf(this.role) >= ROLES.indexOf(role)
  }

  /** @throws Problem for a refusal, and when there is no answer. */
  async call<Name extends Call>(name: Name, input: Input = {}): Promise<Answers[Name]> {
    const response = await this.#request(name, input)
    return (await response.json()) as Answers[Name]
  }

  /** The same, for an answer that is no JSON. */
  async text(name: Call, input: Input): Promise<string> {
    return (await this.#request(name, input)).text()
  }

  /** The same, for one that goes on. */
  async stream(name: Call, input: Input): Promise<ReadableStream<Uint8Array>> {
    const { body } = await this.#request(name, { accept: 'text/event-stream', ...input })
    if (body === null) throw new Problem(0, 'EIO', 'the daemon sent no events')
    return body
  }

  async #request(name: Call, input: Input): Promise<Response> {
    const { method } = endpoints[name]
    const { body, reason = '', ifRevision, accept, signal } = input
    const headers: Record<string, string> = { authorization: `Bearer ${this.#token}` }
    if (body !== undefined) headers['content-type'] = 'application/json'
    if (accept !== undefined) headers['accept'] = accept
    if (ifRevision !== undefined) headers['if-match'] = `"${ifRevision}"`
    if (reason !== '') headers['x-v4v-reason'] = asHeader(reason)
    let response: Response
    try {
      response = await fetch(urlOf(name, input), {
        method,
        headers,
        cache: 'no-store',
        credentials: 'omit',
        ...(body !== undefined && { body: JSON.stringify(body) }),
        ...(signal !== undefined && { signal }),
      })
    } catch (error) {
      if (isLeft(error)) throw error
      throw new Problem(0, 'EIO', 'the daemon does not answer: is it running, and reachable?')
    }
    if (response.ok) return response
    const text = await response.text()
    const problem = readProblem(response.status, parsed(text))
    // Health is an answer, also when it is bad.
    if (problem === undefined && name === 'ready') return new Response(text)
    if (problem?.status === 401) this.#onRefusedToken(problem)
    throw problem ?? new Problem(response.status, 'EIO', `the daemon answers ${response.status}`)
  }
}

function urlOf(name: Call, { params = {}, query = {} }: Input): URL {
  const path = endpoints[name].path.replace(/\{(\w+)\}/g, (_braces, part: string) =>
    encodeURIComponent(params[part] ?? ''),
  )
  const url = new URL(path, location.origin)
  for (const [key, value] of Object.entries(query)) {
    if (value !== undefined && value !== '') url.searchParams.set(key, String(value))
  }
  return url
}

/** A header has no characters beyond a byte's; the daemon reads the bytes as UTF-8. */
function asHeader(text: string): string {
  return String.fromCharCode(...new TextEncoder().encode(text))
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
