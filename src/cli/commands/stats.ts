import type { Command } from 'commander'
import { AdminClient } from '../admin-client.js'
import { adminCommand, type DaemonOptions, type OutputOptions } from '../command.js'
import { byteCount, column, printData, printLine, printRows, printThing, time } from '../output.js'
import type { Stats } from '../rest.js'
import { watched, withWatch } from '../watch.js'

/** `v4v stats`: what the daemon has done since it started. */
export function statsCommand(): Command {
  return withWatch(
    adminCommand('stats', 'print what was sent, received and refused', ['v4v stats']),
  ).action(
    watched(async (options: DaemonOptions & OutputOptions) => {
      const client = await AdminClient.open(options)
      const stats = await client.get<Stats>('/v1/stats')
      if (options.output !== 'table') {
        printData(options.output, stats)
        return
      }
      const { verdicts } = stats
      printThing('table', stats, [
        ['up since', time(stats.startedAt)],
        ['policy', `revision ${stats.revision}, ${stats.rules} rules`],
        ['sessions', stats.sessions],
        [
          'rings',
          `${stats.rings}, ${byteCount(stats.ringBytesUsed)} of ${byteCount(stats.ringBytes)} used`,
        ],
        ['accepted', amount(verdicts.accept)],
        ['rejected', amount(verdicts.reject)],
        ['dropped', amount(verdicts.drop)],
      ])
      printLine('')
      printRows(
        'table',
        stats.domains,
        [
          column('DOMAIN', d => d.name),
          column('SESSIONS', d => d.sessions, true),
          column('SENT', d => d.counters.datagramsSent, true),
          column('BYTES', d => d.counters.bytesSent, true),
          column('RECEIVED', d => d.counters.datagramsReceived, true),
          column('BYTES', d => d.counters.bytesReceived, true),
          column('REFUSED', d => d.counters.datagramsRefused, true),
          column('DROPPED', d => d.counters.datagramsDropped, true),
        ],
        'there are no domains',
      )
    }),
  )
}

function amount({ datagrams, bytes }: Stats['verdicts']['accept']): string {
  return `${datagrams} datagrams, ${byteCount(bytes)}`
}
