import type { Command } from 'commander'
import { AdminClient } from '../admin-client.js'
import { changeHeaders, withReason } from '../change.js'
import { adminCommand, group, type DaemonOptions, type OutputOptions } from '../command.js'
import {
  byteCount,
  column,
  printData,
  printDone,
  printLine,
  printRows,
  printThing,
  time,
} from '../output.js'
import { disconnectText } from '../disconnect-text.js'
import type {
  Disconnect,
  DomainDetail,
  DomainInfo,
  DomainKicked,
  DomainList,
  Undelivered,
} from '../rest.js'
import { watched, withWatch } from '../watch.js'
import { ringColumns } from './ring.js'
import { sessionColumns } from './session.js'

type Options = DaemonOptions & OutputOptions

/** `v4v domain`: who may attach. */
export function domainCommand(): Command {
  return group(
    'domain',
    'add, list and remove domains: the parties that send and receive',
    ['v4v domain add web --tag frontend', 'v4v domain ls'],
    [add(), list(), show(), tag(), remove(), kick(), quarantine(), release()],
  )
}

function add(): Command {
  return adminCommand('add', 'make a domain known', ['v4v domain add db --tag storage --tag prod'])
    .argument('<name>', 'a-z 0-9 . _ - , such as web')
    .option('--tag <tag>', 'a tag that rules can speak of; may be repeated', append, [])
    .action(async (name: string, options: Options & { tag: string[] }) => {
      const client = await AdminClient.open(options)
      const answer = await client.call('POST', '/v1/domains', { name, tags: options.tag })
      printDone(options.output, answer, `added domain ${name}`)
    })
}

function list(): Command {
  return withWatch(adminCommand('ls', 'list the domains', ['v4v domain ls -o json'])).action(
    watched(async (options: Options) => {
      const client = await AdminClient.open(options)
      const { domains } = await client.get<DomainList>('/v1/domains')
      printRows(
        options.output,
        domains,
        [
          column('NAME', d => d.name),
          column('ID', d => d.id, true),
          column('TAGS', d => d.tags.join(',') || '-'),
          column('STATE', stateOf),
          column('SESSIONS', d => d.sessions, true),
          column('RINGS', d => d.rings, true),
          column('USED', d => byteCount(d.ringBytesUsed), true),
          column('REFUSED', d => d.counters.datagramsRefused, true),
          column('LAST SEEN', lastSeen),
          column('ADDED', d => time(d.createdAt)),
        ],
        'there are no domains; add one with: v4v domain add NAME',
      )
    }),
  )
}

function show(): Command {
  return adminCommand('show', 'show one domain', ['v4v domain show web'])
    .argument('<name>')
    .action(async (name: string, options: Options) => {
      const client = await AdminClient.open(options)
      const domain = await client.get<DomainDetail>(domainPath(name))
      if (options.output !== 'table') {
        printData(options.output, domain)
        return
      }
      const { undelivered, ringDetails, sessionDetails, lastDisconnect: last } = domain
      printThing('table', domain, [
        ['name', domain.name],
        ['id', domain.id],
        ['tags', domain.tags.join(', ') || '-'],
        ['state', stateOf(domain)],
        ['last seen', lastSeen(domain)],
        ['sessions', domain.sessions],
        [
          'rings',
          `${domain.rings}, ${byteCount(domain.ringBytesUsed)} of ${byteCount(domain.ringBytes)} used`,
        ],
        ['sent', amount(domain.counters.datagramsSent, domain.counters.bytesSent)],
        ['received', amount(domain.counters.datagramsReceived, domain.counters.bytesReceived)],
        ['refused', `${domain.counters.datagramsRefused} datagrams`],
        ['dropped', `${domain.counters.datagramsDropped} datagrams`],
        ['not delivered from it', reasons(undelivered.from)],
        ['not delivered to it', reasons(undelivered.to)],
        ['added', time(domain.createdAt)],
        ...(last === undefined ? [] : endOf(last)),
      ])
      if (ringDetails.length > 0) {
        printLine('')
        printRows('table', ringDetails, ringColumns, '')
      }
      if (sessionDetails.length > 0) {
        printLine('')
        printRows('table', sessionDetails, sessionColumns, '')
      }
    })
}

function remove(): Command {
  return withReason(
    adminCommand('rm', 'remove a domain, its tokens, sessions and rings', ['v4v domain rm web']),
  )
    .argument('<name>')
    .action(async (name: string, options: Options & { reason?: string }) => {
      const client = await AdminClient.open(options)
      const headers = changeHeaders(options)
      const answer = await client.call('DELETE', domainPath(name), undefined, headers)
      printDone(options.output, answer, `removed domain ${name}`)
    })
}

function kick(): Command {
  return withReason(
    adminCommand('kick', 'end all sessions of a domain; it may attach again', [
      'v4v domain kick web',
    ]),
  )
    .argument('<name>')
    .action(async (name: string, options: Options & { reason?: string }) => {
      const client = await AdminClient.open(options)
      const path = `${domainPath(name)}/kick`
      const headers = changeHeaders(options)
      const answer = await client.call<DomainKicked>('POST', path, undefined, headers)
      const sessions = `${answer.sessions} session${answer.sessions === 1 ? '' : 's'}`
      printDone(options.output, answer, `ended ${sessions} of domain ${name}`)
    })
}

function quarantine(): Command {
  return enabling('quarantine', 'end all sessions of a domain, and let it attach no more', false)
}

function release(): Command {
  return enabling('release', 'let a domain attach again that was in quarantine', true)
}

function enabling(name: string, description: string, enabled: boolean): Command {
  return withReason(adminCommand(name, description, [`v4v domain ${name} web`]))
    .argument('<name>')
    .action(async (domain: string, options: Options & { reason?: string }) => {
      const client = await AdminClient.open(options)
      const headers = changeHeaders(options)
      const answer = await client.call('PATCH', domainPath(domain), { enabled }, headers)
      const done = enabled ? 'may attach again' : 'is in quarantine: it can not attach'
      printDone(options.output, answer, `domain ${domain} ${done}`)
    })
}

function tag(): Command {
  return withReason(
    adminCommand('tag', 'give a domain these tags instead of those it has; none to take all away', [
      'v4v domain tag db storage prod',
      'v4v domain tag db',
    ]),
  )
    .argument('<name>')
    .argument('[tag...]')
    .action(async (name: string, tags: string[], options: Options & { reason?: string }) => {
      const client = await AdminClient.open(options)
      const headers = changeHeaders(options)
      const answer = await client.call('PATCH', domainPath(name), { tags }, headers)
      printDone(options.output, answer, `domain ${name} has the tags: ${tags.join(', ') || 'none'}`)
    })
}

/** The REST path of a domain. */
export function domainPath(name: string): string {
  return `/v1/domains/${encodeURIComponent(name)}`
}

function stateOf({ enabled, sessions }: DomainInfo): string {
  if (!enabled) return 'quarantine'
  return sessions > 0 ? 'attached' : 'away'
}

function lastSeen({ sessions, lastSeenAt }: DomainInfo): string {
  return sessions > 0 ? 'now' : time(lastSeenAt)
}

/** The most frequent first. */
function reasons(undelivered: Undelivered): string {
  const counts = Object.entries(undelivered).toSorted(([, a], [, b]) => b - a)
  return counts.map(([reason, count]) => `${reason} ${count}`).join(', ') || '-'
}

function amount(datagrams: number, bytes: number): string {
  return `${datagrams} datagrams, ${byteCount(bytes)}`
}

/** How the last of its sessions ended that did, and what to do where that was the daemon's doing. */
function endOf(last: Disconnect): (readonly [string, string])[] {
  const end = `${last.reason}, ${time(last.lastAt)}: ${disconnectText(last)}`
  return [
    ['last end', end],
    ...(last.by === 'daemon' ? [['what to do', last.remedy] as const] : []),
  ]
}

function append(value: string, previous: string[]): string[] {
  return [...previous, value]
}
