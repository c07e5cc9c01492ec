import type { ErrorCode } from '../abi/errno.js'
import { V4vError } from '../sdk/errors.js'
import { failed } from './fail.js'

/** What can be done about the common refusals. */
const hints: Partial<Record<ErrorCode, string>> = {
  EPERM: 'an admin sees why with "v4v flows", and allows it with "v4v rule add"',
  ESRCH: 'an admin adds it with "v4v domain add"; --wait waits for it',
  ECONNREFUSED: 'start a receiver with "v4v listen", or use --wait',
  EMSGSIZE: 'send less at once, or let the receiver listen with a larger --size',
  EADDRINUSE: 'use another port with --from',
}

/** The error of a datagram that was refused, with its decision and what can be done about it. */
export function sendFailure(error: unknown, acceptedBefore = 0): unknown {
  if (!(error instanceof V4vError)) return error
  const { code, message, decisionId } = error
  const decision = decisionId === undefined ? '' : ` (decision ${decisionId})`
  const before = acceptedBefore === 0 ? '' : `, after ${acceptedBefore} that were accepted`
  return failed(`${message}${decision}${before}`, hints[code], error)
}
