import { errorInfo, type ErrorCode } from '../abi/errno.js'

/** Carries a refusal from a route to the place where all errors are answered. */
export class Refused extends Error {
  readonly code: ErrorCode
  readonly status: number
  /** Each thing that was wrong, where there may be several. */
  readonly details: readonly object[] | undefined

  constructor(code: ErrorCode, message: string, details?: readonly object[]) {
    super(message)
    this.code = code
    this.status = errorInfo(code).http
    this.details = details
  }
}

interface Refusal {
  readonly ok: false
  readonly code: ErrorCode
  readonly message: string
  readonly details?: readonly object[]
}

/**
 * Takes what a service has done out of its outcome.
 * @throws Refused when it has refused.
 */
export function accepted<Outcome extends { readonly ok: true } | Refusal>(
  outcome: Outcome,
): Exclude<Outcome, { readonly ok: false }> {
  if (!outcome.ok) throw new Refused(outcome.code, outcome.message, outcome.details)
  return outcome as Exclude<Outcome, { readonly ok: false }>
}
