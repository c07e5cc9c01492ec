import { comparisonLines } from './comparison-text.js'
import { EXIT, Failure } from './fail.js'
import { printData, printLine, type Format } from './output.js'
import { printable } from './printable.js'
import type { Comparison } from './rest-policy.js'

/** The daemon's refusal of a change that was made for another revision than the one in force. */
export interface StaleBody {
  readonly code: string
  readonly message: string
  readonly comparison: Comparison
}

/** Such a refusal on its way to whoever knows what is to be done about it. */
export class Stale extends Failure {
  readonly body: StaleBody

  constructor(body: StaleBody) {
    super(EXIT.refused, `${body.message} (${body.code})`, { answer: body })
    this.body = body
  }
}

/**
 * Waits for a change. When it came too late, what others did meanwhile is printed, or the daemon's
 * answer as data.
 * @param toDo what to do next.
 * @throws Failure
 */
export async function changed<T>(
  format: Format,
  change: Promise<T>,
  toDo: (comparison: Comparison) => string,
): Promise<T> {
  try {
    return await change
  } catch (error) {
    if (!(error instanceof Stale)) throw error
    const { body, message } = error
    if (format !== 'table') printData(format, body)
    else for (const line of comparisonLines(body.comparison)) printLine(printable(line))
    throw new Failure(error.exitCode, `${message}; ${toDo(body.comparison)}`)
  }
}

/** What to do about an edit of one rule that came too late. */
export function sayAgain({ current }: Comparison): string {
  return `if it is still right, say it again with --if-revision ${current}`
}
