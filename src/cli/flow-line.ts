import type { FlowVerdict } from '../policy/flow-verdict.js'
import { colour, type Colour } from './colour.js'
import { time } from './output.js'
import { printable } from './printable.js'
import type { Flow } from './rest.js'

const COLOURS: Readonly<Record<FlowVerdict, Colour>> = {
  accept: 'green',
  audit: 'yellow',
  ask: 'cyan',
  reject: 'red',
  drop: 'red',
  limit: 'red',
  error: 'yellow',
}

/** A decision as one line for people. */
export function flowLine(flow: Flow): string {
  const { code, decisionId, source, destination, datagrams, bytes, reason } = flow
  const word = flow.verdict.padEnd(6)
  const verdict = colour(COLOURS[flow.verdict], word)
  const at = flow.file === undefined ? '' : ` (${flow.file}:${flow.line})`
  const amount = `${datagrams} datagram${datagrams === 1 ? '' : 's'}, ${bytes} byte${bytes === 1 ? '' : 's'}`
  const outcome = code === null ? '' : ` ${code}`
  const who = printable(`${source} -> ${destination}`)
  return `${time(flow.at)} ${verdict} ${who} ${amount}${outcome} ${decisionId}: ${printable(reason + at)}`
}
