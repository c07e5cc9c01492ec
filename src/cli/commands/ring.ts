import type { Command } from 'commander'
import { AdminClient } from '../admin-client.js'
import { adminCommand, group, type DaemonOptions, type OutputOptions } from '../command.js'
import { byteCount, column, printRows, type Column } from '../output.js'
import type { RingInfo, RingList } from '../rest.js'
import { watched, withWatch } from '../watch.js'

/** What is shown of a ring. */
export const ringColumns: readonly Column<RingInfo>[] = [
  column('RING', r => `${r.domain}:${r.port}`),
  column('PARTNER', r => r.partner),
  column('SESSION', r => r.session, true),
  column('LENGTH', r => byteCount(r.length), true),
  column('USED', r => byteCount(r.usedBytes), true),
  column('DATAGRAMS', r => r.datagrams, true),
  column('SENDERS', r => r.senders, true),
  column('WAITERS', r => r.waiters, true),
]

/** `v4v ring`: where datagrams arrive. */
export function ringCommand(): Command {
  return group('ring', 'list the rings that are registered', ['v4v ring ls'], [list()])
}

function list(): Command {
  return withWatch(
    adminCommand('ls', 'list the rings, with what waits in them', ['v4v ring ls']),
  ).action(
    watched(async (options: DaemonOptions & OutputOptions) => {
      const client = await AdminClient.open(options)
      const { rings } = await client.get<RingList>('/v1/rings')
      printRows(options.output, rings, ringColumns, 'nobody listens')
    }),
  )
}
