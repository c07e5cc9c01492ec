/** One thing that was wrong, as a daemon says it. */
export interface Detail {
  /** Of the request. */
  readonly field?: string
  /** A policy file, with a line and a column that are counted from 1. */
  readonly file?: string | undefined
  readonly line?: number | undefined
  readonly column?: number | undefined
  readonly message: string
}

/** A request that was refused, or got no answer. */
export class Problem extends Error {
  /** HTTP's; 0 where there was no answer at all. */
  readonly status: number
  /** Stable name of the error, such as EPERM. */
  readonly code: string
  readonly details: readonly Detail[]

  constructor(status: number, code: string, message: string, details: readonly Detail[] = []) {
    super(message)
    this.name = 'Problem'
    this.status = status
    this.code = code
    this.details = details
  }

  /** The problem that anything thrown stands for. */
  static of(error: unknown): Problem {
    if (error instanceof Problem) return error
    const message = error instanceof Error ? error.message : String(error)
    return new Problem(0, 'EIO', `the console failed: ${message}`)
  }
}

/** Reads the body of a refusal; undefined when it is none. */
export function readProblem(status: number, body: unknown): Problem | undefined {
  if (typeof body !== 'object' || body === null) return undefined
  const { code, message, details } = body as Record<string, unknown>
  if (typeof code !== 'string' || typeof message !== 'string') return undefined
  const listed = Array.isArray(details) ? (details as Detail[]) : []
  return new Problem(status, code, message, listed)
}

/** Where a detail is, such as `10-shop.yaml:9:26`; empty when it says of no file. */
export function placeText({ file, line, column }: Partial<Detail>): string {
  return [file, line, column].filter(part => part !== undefined).join(':')
}

/** True for what is thrown when a view is left while it still waits. */
export function isLeft(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError'
}
