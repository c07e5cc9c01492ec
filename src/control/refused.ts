import { errorInfo, type ErrorCode } from '../abi/errno.js'

/** Carries a refusal from a route to the place where all errors are answered. */
export class Refused extends Error {
  readonly code: ErrorCode
  readonly status: number
  /** Each thing that was wrong, where there may be several. */
  readonly details: readonly object[] | undefined
  /** What others did meanwhile, where a change came too late. */
  readonly comparison: object | undefined

  constructor(code: ErrorCode, message: string, details?: readonly object[], comparison?: object) {
    super(message)
    this.code = code
    this.status = errorInfo(code).http
    this.details = details
    this.comparison = comparison
  }
}

interface Refusal {
  readonly ok: false
  readonly code: ErrorCode
  readonly message: string
  readonly details?: readonly object[]
  readonly comparison?: object
}

/**
 * Takes what a service has done out of its outcome.
 * @throws Refused when it has refused.
 */
export function accepted<Outcome extends { readonly ok: true } | Refusal>(
  outcome: Outcome,
): Exclude<Outcome, { readonly ok: false }> {
  if (!outcome.ok) {
    const { code, message, details, comparison } = outcome
    throw new Refused(code, message, details, comparison)
  }
  return outcome as Exclude<Outcome, { readonly ok: false }>
}
