import { errorInfo, codeOfErrno } from '../abi/errno.js'
import type { Native } from '../native/native.js'
import type { Polling } from '../native/poller.js'
import type { Connection } from './connection.js'
import type { CallOptions } from './deadline.js'
import { mapSegment, type Segment } from './segment.js'
import type { SharedTransport } from './shared-transport.js'

/**
 * Moves a session that has just begun from its socket to memory shared with the daemon.
 * @returns why it does not, if it does not: it stays on its socket, or has ended.
 */
export async function shareMemory(
  connection: Connection,
  transport: SharedTransport,
  native: Native,
  polling: Polling,
  options: CallOptions,
): Promise<string | undefined> {
  const shared = await connection.offer(options).catch((error: unknown) => error as Error)
  if (shared instanceof Error) return shared.message
  if (shared.errno !== 0) {
    return `the daemon shares no memory: ${errorInfo(codeOfErrno(shared.errno)).sentence}`
  }
  let segment: Segment | undefined
  let problem: string | undefined
  try {
    segment = mapSegment(native, shared)
  } catch (error) {
    problem = (error as Error).message
  }
  transport.share(shared.requestId, segment, polling)
  connection.packer.moveOn()
  return problem
}
