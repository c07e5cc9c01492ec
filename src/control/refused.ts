import { errorInfo, type ErrorCode } from '../abi/errno.js'

/** Carries a refusal from a route to the place where all errors are answered. */
export class Refused extends Error {
  readonly code: ErrorCode
  readonly status: number

  constructor(code: ErrorCode, message: string) {
    super(message)
    this.code = code
    this.status = errorInfo(code).http
  }
}

interface Refusal {
  readonly ok: false
  readonly code: ErrorCode
  readonly message: string
}

/**
 * Takes what a service has done out of its outcome.
 * @throws Refused when it has refused.
 */
export function accepted<Outcome extends { readonly ok: true } | Refusal>(
  outcome: Outcome,
): Exclude<Outcome, { readonly ok: false }> {
  if (!outcome.ok) throw new Refused(outcome.code, outcome.message)
  return outcome as Exclude<Outcome, { readonly ok: false }>
}
