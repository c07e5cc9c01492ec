import type { Command } from 'commander'
import { AdminClient } from '../admin-client.js'
import { changeHeaders, withReason } from '../change.js'
import { adminCommand, group, type DaemonOptions, type OutputOptions } from '../command.js'
import { follow } from '../follow.js'
import { column, printData, printDone, printRecord, printRows, time } from '../output.js'
import { parseCount } from '../parse.js'
import type { AskInfo, AskList, GrantInfo } from '../rest.js'

type Options = DaemonOptions & OutputOptions

/** `v4v ask`: flows that wait for an operator. */
export function askCommand(): Command {
  return group(
    'ask',
    'list flows that wait for an operator, and admit them for some time or not',
    ['v4v ask ls', 'v4v ask grant 3 --for 10m', 'v4v ask deny 4'],
    [list(), grant(), deny(), revoke()],
  )
}

function list(): Command {
  return adminCommand('ls', 'list the flows that wait, and the grants in force', [
    'v4v ask ls',
    'v4v ask ls -f',
  ])
    .option('-f, --follow', 'print the list again whenever it changes')
    .action(async (options: Options & { follow?: true }) => {
      const client = await AdminClient.open(options)
      if (!options.follow) {
        print(await client.get<AskList>('/v1/asks'), options)
        return
      }
      await follow(client, '/v1/asks?follow', 'the list', ({ event, data }) => {
        if (event === 'asks') print(JSON.parse(data) as AskList, options, true)
      })
    })
}

function grant(): Command {
  return withReason(
    adminCommand('grant', 'admit a flow that waits, for some time', [
      'v4v ask grant 3 --for 10m',
      'v4v ask grant 3 --for 2h --any-port --reason "maintenance"',
    ]),
  )
    .argument('<id>', 'as "v4v ask ls" shows it', parseCount)
    .requiredOption('--for <time>', 'how long it holds, such as 10m')
    .option('--any-port', 'from whatever port of the domain that waits')
    .action(
      async (id: number, options: Options & { for: string; anyPort?: true; reason?: string }) => {
        const client = await AdminClient.open(options)
        const path = `/v1/asks/${id}/grant`
        const body = { for: options.for, ...(options.anyPort && { anyPort: true }) }
        const headers = changeHeaders(options)
        const answer = await client.call<{ grant: GrantInfo }>('POST', path, body, headers)
        const { source, destination, expires } = answer.grant
        const done = `${source} may send to ${destination} until ${time(expires)}`
        printDone(options.output, answer, done)
      },
    )
}

function deny(): Command {
  return withReason(adminCommand('deny', 'refuse a flow that waits', ['v4v ask deny 4']))
    .argument('<id>', 'as "v4v ask ls" shows it', parseCount)
    .action(async (id: number, options: Options & { reason?: string }) => {
      const client = await AdminClient.open(options)
      const path = `/v1/asks/${id}/deny`
      const headers = changeHeaders(options)
      const answer = await client.call<{ ask: AskInfo }>('POST', path, {}, headers)
      const { source, destination } = answer.ask
      printDone(options.output, answer, `${source} may not send to ${destination}`)
    })
}

function revoke(): Command {
  return withReason(adminCommand('revoke', 'take a grant back', ['v4v ask revoke 3']))
    .argument('<id>', 'as "v4v ask ls" shows it', parseCount)
    .action(async (id: number, options: Options & { reason?: string }) => {
      const client = await AdminClient.open(options)
      const path = `/v1/grants/${id}`
      const headers = changeHeaders(options)
      const answer = await client.call<{ grant: GrantInfo }>('DELETE', path, undefined, headers)
      const { source, destination } = answer.grant
      printDone(options.output, answer, `${source} has to ask again to send to ${destination}`)
    })
}

function print(list: AskList, { output }: Options, isOneOfMany = false): void {
  if (output !== 'table') {
    if (isOneOfMany) printRecord(output, list)
    else printData(output, list)
    return
  }
  const rows = [
    ...list.asks.map(ask => ({ ...ask, state: 'waits', until: ask.deadline })),
    ...list.grants.map(given => ({ ...given, state: 'granted', rule: '-', until: given.expires })),
  ]
  printRows(
    'table',
    rows,
    [
      column('ID', r => r.id, true),
      column('STATE', r => r.state),
      column('FROM', r => r.source),
      column('TO', r => r.destination),
      column('TYPE', r => r.type),
      column('RULE', r => r.rule),
      column('UNTIL', r => time(r.until)),
      column('DATAGRAMS', r => r.datagrams, true),
    ],
    'nothing waits, and nothing is granted',
  )
}
