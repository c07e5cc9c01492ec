import { colour, time } from './output.js'
import { printable } from './printable.js'
import type { Flow } from './rest.js'

/** A decision as one line for people. */
export function flowLine(flow: Flow): string {
  const { code, decisionId, source, destination, datagrams, bytes, reason } = flow
  const word = flow.verdict.padEnd(6)
  const verdict = colour(flow.verdict === 'accept' ? 'green' : 'red', word)
  const at = flow.file === undefined ? '' : ` (${flow.file}:${flow.line})`
  const amount = `${datagrams} datagram${datagrams === 1 ? '' : 's'}, ${bytes} bytes`
  const outcome = code === null ? '' : ` ${code}`
  const who = printable(`${source} -> ${destination}`)
  return `${time(flow.at)} ${verdict} ${who} ${amount}${outcome} ${decisionId}: ${printable(reason + at)}`
}
