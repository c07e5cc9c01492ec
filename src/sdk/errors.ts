import { formatDecisionId } from '../abi/decision-id.js'
import { codeOfErrno, errorInfo, type ErrorCode } from '../abi/errno.js'

/** What is known of a failure besides its code. */
export interface V4vErrorDetails {
  /** The address that was sent to, as `web:80`. */
  readonly target?: string | undefined
  /** Number of the decision in the daemon's flow log; 0 where none was made. */
  readonly decision?: number | undefined
  readonly cause?: unknown
}

/** Every failure that the daemon reports or that a connection can have. */
export class V4vError extends Error {
  override readonly name = 'V4vError'
  /** The stable name, such as `ECONNREFUSED`. */
  readonly code: ErrorCode
  /** Linux's number for it. */
  readonly errno: number
  /** True when the same call may succeed later with nothing else changed. */
  readonly retryable: boolean
  /** Finds the refusal in the daemon's flow log, as `d-1f`; undefined where no rule decided. */
  readonly decisionId: string | undefined
  /** The address that was sent to, as `web:80`. */
  readonly target: string | undefined

  /** @param detail a sentence in place of the code's own. */
  constructor(code: ErrorCode, detail = '', details: V4vErrorDetails = {}) {
    const info = errorInfo(code)
    const where = details.target === undefined ? '' : `${details.target}: `
    const sentence = detail === '' ? info.sentence : detail
    const options = details.cause === undefined ? undefined : { cause: details.cause }
    super(`${code}: ${where}${sentence}`, options)
    this.code = code
    this.errno = info.errno
    this.retryable = info.retryable
    this.target = details.target
    const decision = details.decision ?? 0
    this.decisionId = decision === 0 ? undefined : formatDecisionId(decision)
  }

  /** The error of a number from the wire. */
  static ofErrno(errno: number, detail = '', details: V4vErrorDetails = {}): V4vError {
    return new V4vError(codeOfErrno(errno), detail, details)
  }
}

/** A call was ended through its signal; the same shape that Node's own calls have. */
export class AbortError extends Error {
  override readonly name = 'AbortError'
  readonly code = 'ABORT_ERR'

  /** @param reason of the signal. */
  constructor(reason: unknown) {
    super('The operation was aborted', { cause: reason })
  }
}

/** The error of a transport that failed, or that never came to be. */
export function transportError(cause: Error | undefined, isOpening: boolean): V4vError {
  const detail = cause?.message ?? 'the daemon closed the connection'
  const reason = cause !== undefined && 'code' in cause ? cause.code : undefined
  if (reason === 'EACCES') return new V4vError('EACCES', detail, { cause })
  const isNobody = isOpening && (reason === 'ENOENT' || reason === 'ECONNREFUSED')
  return new V4vError(isNobody ? 'ECONNREFUSED' : 'ECONNRESET', detail, { cause })
}
