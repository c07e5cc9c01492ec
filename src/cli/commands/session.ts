import { Option, type Command } from 'commander'
import { endReasons, type EndedBy, type EndReason } from '../../abi/end-reason.js'
import { AdminClient } from '../admin-client.js'
import { adminCommand, group, type DaemonOptions, type OutputOptions } from '../command.js'
import { disconnectLine, disconnectText, livedText, remoteText } from '../disconnect-text.js'
import { follow } from '../follow.js'
import { column, note, printLine, printRecord, printRows, time, type Column } from '../output.js'
import { parseCount } from '../parse.js'
import type { Disconnect, DisconnectList, SessionInfo, SessionList } from '../rest.js'
import { watched, withWatch } from '../watch.js'

interface EndedOptions extends DaemonOptions, OutputOptions {
  readonly domain?: string
  readonly reason?: EndReason
  readonly by?: EndedBy
  readonly limit?: number
  readonly follow?: true
}

/** Entries shown before those to come. */
const FOLLOW_RECENT = 10

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

/** `v4v session`: who is attached, and who was. */
export function sessionCommand(): Command {
  return group(
    'session',
    'list the clients that are attached, and how those that were have ended',
    ['v4v session ls', 'v4v session ended --domain web'],
    [list(), ended()],
  )
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

function ended(): Command {
  return adminCommand(
    'ended',
    'list how sessions ended, and attempts to attach, by the daemon or the client, and why',
    [
      'v4v session ended',
      'v4v session ended -f --by daemon --domain web',
      'v4v session ended --reason token-unknown -o json',
    ],
  )
    .option(
      '-f, --follow',
      'go on with those to come; -o json prints one a line then, -o yaml a document each',
    )
    .option('--domain <name>', 'only of this domain')
    .addOption(new Option('--reason <reason>', 'only for this').choices(endReasons))
    .addOption(new Option('--by <who>', 'only what this side did').choices(['daemon', 'client']))
    .option('--limit <n>', 'how many of the recent ones', parseCount)
    .action(async (options: EndedOptions) => {
      const client = await AdminClient.open(options)
      if (options.follow) await present(client, options)
      else await past(client, options)
    })
}

async function past(client: AdminClient, options: EndedOptions): Promise<void> {
  const { disconnects } = await client.get<DisconnectList>(`/v1/disconnects?${queryOf(options)}`)
  printRows(
    options.output,
    disconnects,
    [
      column('LAST', d => time(d.lastAt)),
      column('DOMAIN', d => d.domain ?? '-'),
      column('SESSION', d => d.session ?? '-', true),
      column('COUNT', d => d.count, true),
      column('BY', d => d.by),
      column('REASON', d => d.reason),
      column('FROM', d => remoteText(d)),
      column('TOKEN', d => d.tokenId ?? '-', true),
      column('LIVED', d => livedText(d.livedMs), true),
      column('SENT', d => d.datagramsSent, true),
      column('RECEIVED', d => d.datagramsReceived, true),
      column('WHY', d => disconnectText(d)),
    ],
    'no session has ended',
  )
}

async function present(client: AdminClient, options: EndedOptions): Promise<void> {
  const query = queryOf({ ...options, limit: options.limit ?? FOLLOW_RECENT })
  const path = `/v1/disconnects?follow=true&${query}`
  await follow(client, path, 'the list', ({ event, data }) => {
    if (event === 'lost') note('... some were missed')
    if (event !== 'disconnect') return
    const entry = JSON.parse(data) as Disconnect
    if (options.output === 'table') printLine(disconnectLine(entry))
    else printRecord(options.output, entry)
  })
}

function queryOf({ domain, reason, by, limit }: EndedOptions): string {
  const query = new URLSearchParams()
  if (domain !== undefined) query.set('domain', domain)
  if (reason !== undefined) query.set('reason', reason)
  if (by !== undefined) query.set('by', by)
  if (limit !== undefined) query.set('limit', String(limit))
  return query.toString()
}
