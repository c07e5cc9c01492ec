import { colour } from './colour.js'
import { time } from './output.js'
import { printable } from './printable.js'
import type { Disconnect } from './rest.js'

/** What was wrong, with the limit that was reached if it was one. */
export function disconnectText({ detail, limitName, limit, used }: Disconnect): string {
  if (limit === undefined) return detail
  const amount = used === undefined ? '' : `${used} of `
  return `${detail} (${amount}${limit}, ${limitName})`
}

/** Who was at the other end, as far as it is known. */
export function remoteText({ pid, comm, address, transport }: Disconnect): string {
  if (address !== undefined) return `${transport} ${address}`
  if (pid === undefined) return transport
  return `${transport} pid ${pid}${comm === undefined ? '' : ` ${comm}`}`
}

/** How long a session was there: `0.2s`, `3m 20s`, `5h 2m`, `3d 4h`. */
export function livedText(ms: number): string {
  const seconds = Math.floor(ms / 1000)
  if (seconds < 60) return `${(ms / 1000).toFixed(1)}s`
  const units = [86_400, 3_600, 60, 1] as const
  const first = units.findIndex(unit => seconds >= unit)
  const large = units[first]!
  const small = units[first + 1]!
  const names = ['d', 'h', 'm', 's']
  const rest = Math.floor((seconds % large) / small)
  return `${Math.floor(seconds / large)}${names[first]} ${rest}${names[first + 1]}`
}

/** An entry as one line for people. */
export function disconnectLine(entry: Disconnect): string {
  const { lastAt, reason, by, domain = '-', count, session } = entry
  const word = by === 'daemon' ? colour('red', reason) : reason
  const who = session === undefined ? domain : `${domain} session ${session}`
  const times = count === 1 ? '' : `, ${count} times since ${time(entry.firstAt)}`
  const from = printable(`(${remoteText(entry)})`)
  return `${time(lastAt)} ${word} ${printable(who)} ${from}: ${printable(disconnectText(entry))}${times}`
}
