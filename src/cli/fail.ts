import { printable } from './printable.js'

/** Exit codes of the command. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  /** The daemon or the policy checker found what was asked for wrong. */
  refused: 3,
} as const
export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

interface FailureOptions extends ErrorOptions {
  /** What the daemon answered, for programs. */
  readonly answer?: object | undefined
}

/** Ends the command with one line on stderr: what went wrong, why, and what to do. */
export class Failure extends Error {
  override readonly name = 'Failure'
  readonly exitCode: ExitCode
  readonly answer: object | undefined

  constructor(exitCode: ExitCode, message: string, options: FailureOptions = {}) {
    super(message, options)
    this.exitCode = exitCode
    this.answer = options.answer
  }
}

/** A failure of the command itself, exit code 1. */
export function failed(what: string, toDo?: string, cause?: unknown): Failure {
  return new Failure(EXIT.failed, sentence(what, toDo), { cause })
}

/** The command line is wrong, exit code 2. */
export function usage(what: string, toDo?: string): Failure {
  return new Failure(EXIT.usage, sentence(what, toDo))
}

/** What was asked for is refused, exit code 3. */
export function refused(what: string, toDo?: string): Failure {
  return new Failure(EXIT.refused, sentence(what, toDo))
}

/** The one line of an error, whatever was thrown. */
export function errorLine(error: unknown): string {
  return `v4v: ${printable(errorText(error).replace(/\s*\n\s*/g, ' '))}`
}

/** What an error says; some of Node's say it only in their cause or in the errors they gather. */
export function errorText(error: unknown): string {
  if (error instanceof AggregateError && error.message === '' && error.errors.length > 0) {
    return errorText(error.errors[0])
  }
  if (error instanceof Error) return error.message === '' ? error.name : error.message
  return String(error)
}

/** An error for programs, in the shape in which the daemon refuses; its own words where there are. */
export function errorAnswer(error: unknown): object {
  if (error instanceof Failure && error.answer !== undefined) return error.answer
  const isUsage = error instanceof Failure && error.exitCode === EXIT.usage
  const code = isUsage ? 'EINVAL' : systemCode(error)
  return { ...(code !== undefined && { code }), message: errorText(error) }
}

/** The `code` that Node's and the SDK's errors carry, if there is one. */
export function errorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

/** The system's name for what went wrong, such as ECONNREFUSED, wherever it is told. */
function systemCode(error: unknown): string | undefined {
  for (let at = error; at instanceof Error; at = at.cause) {
    const code = errorCode(at)
    if (code !== undefined && /^E[A-Z0-9]+$/.test(code)) return code
  }
  return undefined
}

function sentence(what: string, toDo: string | undefined): string {
  return toDo === undefined ? what : `${what}; ${toDo}`
}
