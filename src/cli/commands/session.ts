import type { Command } from 'commander'
import { AdminClient } from '../admin-client.js'
import { adminCommand, group, type DaemonOptions, type OutputOptions } from '../command.js'
import { column, printRows, type Column } from '../output.js'
import type { SessionInfo, SessionList } from '../rest.js'
import { watched, withWatch } from '../watch.js'

/** What is shown of a session. */
export const sessionColumns: readonly Column<SessionInfo>[] = [
  column('ID', s => s.id, true),
  column('DOMAIN', s => s.domain),
  column('TRANSPORT', s => s.transport ?? '-'),
  column('CLIENT', s => s.agent || '-'),
  column('PORTS', s => s.ports.join(',') || '-'),
  column('RINGS', s => s.rings, true),
  column('SENDS TO', s => s.ringsSentTo, true),
  column('WAITS FOR', s => s.ringsWaitedFor, true),
]

/** `v4v session`: who is attached. */
export function sessionCommand(): Command {
  return group('session', 'list the clients that are attached', ['v4v session ls'], [list()])
}

function list(): Command {
  return withWatch(adminCommand('ls', 'list the sessions', ['v4v session ls'])).action(
    watched(async (options: DaemonOptions & OutputOptions) => {
      const client = await AdminClient.open(options)
      const { sessions } = await client.get<SessionList>('/v1/sessions')
      printRows(options.output, sessions, sessionColumns, 'nobody is attached')
    }),
  )
}
