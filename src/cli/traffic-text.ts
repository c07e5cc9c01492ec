import { byteCount, column, printLine, printRows, time } from './output.js'
import type { Rate, Traffic } from './traffic-rates.js'
import { ringColumns } from './commands/ring.js'

/**
 * Prints a look at the traffic for people.
 * @param apart with an empty line in front.
 */
export function printTraffic(traffic: Traffic, apart: boolean): void {
  const { revision, rules, sessions, rings, ringBytesUsed, ringBytes, waiters } = traffic
  if (apart) printLine('')
  const used = `${byteCount(ringBytesUsed)} of ${byteCount(ringBytes)} used`
  printLine(
    `${time(traffic.at)}  revision ${revision}, ${rules} rules, ${sessions} sessions, ` +
      `${rings} rings, ${used}, ${waiters} waiting`,
  )
  printLine('')
  const { accept, reject, drop, audit, ask } = traffic.verdicts
  const lines: (readonly [name: string, rate: Rate])[] = [
    ['delivered', traffic.delivered],
    ...Object.entries({ accept, reject, drop, audit, ask }),
  ]
  printRows(
    'table',
    lines.filter(([name, { datagrams }]) => datagrams > 0 || KEPT.has(name)),
    [
      column('', ([name]) => name),
      column('DATAGRAMS/S', ([, rate]) => perSecond(rate.datagrams), true),
      column('BYTES/S', ([, rate]) => bytesPerSecond(rate.bytes), true),
    ],
    '',
  )
  const reasons = Object.entries(traffic.undelivered)
  if (reasons.length > 0) {
    const texts = reasons.map(([reason, rate]) => `${reason} ${perSecond(rate)}/s`)
    printLine(`not delivered: ${texts.join(', ')}`)
  }
  printTops(traffic)
}

/** These are shown also where there are none. */
const KEPT = new Set(['delivered', 'accept', 'reject'])

function printTops({ topDomains, topRules, fullestRings }: Traffic): void {
  if (topDomains.length > 0) {
    printLine('')
    printRows(
      'table',
      topDomains,
      [
        column('DOMAIN', d => d.name),
        column('SENT/S', d => perSecond(d.sent.datagrams), true),
        column('BYTES/S', d => bytesPerSecond(d.sent.bytes), true),
        column('RECEIVED/S', d => perSecond(d.received.datagrams), true),
        column('BYTES/S', d => bytesPerSecond(d.received.bytes), true),
        column('REFUSED/S', d => perSecond(d.refused), true),
      ],
      '',
    )
  }
  if (topRules.length > 0) {
    printLine('')
    printRows(
      'table',
      topRules,
      [
        column('RULE', r => r.id),
        column('ACTION', r => r.action),
        column('FROM', r => r.source),
        column('TO', r => r.destination),
        column('HITS/S', r => perSecond(r.datagrams), true),
        column('BYTES/S', r => bytesPerSecond(r.bytes), true),
        column('LIMITED/S', r => perSecond(r.limited), true),
      ],
      '',
    )
  }
  if (fullestRings.length > 0) {
    printLine('')
    printRows('table', fullestRings, ringColumns, '')
  }
}

function perSecond(rate: number): string {
  return rate < 10 ? String(Math.round(rate * 10) / 10) : rate.toFixed(0)
}

function bytesPerSecond(rate: number): string {
  return byteCount(Math.round(rate))
}
