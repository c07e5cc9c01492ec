import type { ErrorCode } from '../abi/errno.js'

/** An operation that was refused: nothing has changed. The message says what was wrong and where. */
export interface Refusal<Code extends ErrorCode> {
  readonly ok: false
  readonly code: Code
  readonly message: string
}

/** Makes a refusal. */
export function refuse<Code extends ErrorCode>(code: Code, message: string): Refusal<Code> {
  return { ok: false, code, message }
}
