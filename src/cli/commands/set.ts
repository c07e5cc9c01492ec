import type { Command } from 'commander'
import { AdminClient } from '../admin-client.js'
import { changeHeaders, withReason } from '../change.js'
import { adminCommand, group, type DaemonOptions, type OutputOptions } from '../command.js'
import { column, printDone, printData, printRows, time } from '../output.js'
import type { ElementChanged, SetList } from '../rest-policy.js'
import { restPath } from '../rest-path.js'
import { watched, withWatch } from '../watch.js'

type Options = DaemonOptions & OutputOptions

/** `v4v set`: who is in the sets of the policy, from one datagram to the next. */
export function setCommand(): Command {
  return group(
    'set',
    'list the sets of the policy, and put domains into them for some time',
    ['v4v set add admins alice --timeout 10m', 'v4v set ls admins'],
    [list(), add(), remove()],
  )
}

function list(): Command {
  return withWatch(
    adminCommand('ls', 'list the sets and what is in them', ['v4v set ls', 'v4v set ls admins']),
  )
    .argument('[name]', 'only this set')
    .action(
      watched(async (name: string | undefined, options: Options) => {
        const client = await AdminClient.open(options)
        const list = await client.get<SetList>('/v1/sets')
        const sets = list.sets.filter(set => name === undefined || set.name === name)
        if (options.output !== 'table') {
          printData(options.output, { ...list, sets })
          return
        }
        const none = { element: '-', expiresAt: null, addedBy: null }
        const rows = sets.flatMap(set =>
          (set.elements.length === 0 ? [none] : set.elements).map(each => ({
            set: set.name,
            ...each,
          })),
        )
        printRows(
          'table',
          rows,
          [
            column('SET', r => r.set),
            column('ELEMENT', r => r.element),
            column('EXPIRES', r => time(r.expiresAt)),
            column('BY', r => (r.element === '-' ? '-' : (r.addedBy ?? 'policy'))),
          ],
          name === undefined ? 'the policy has no sets' : `the policy has no set ${name}`,
        )
      }),
    )
}

function add(): Command {
  return withReason(
    adminCommand('add', 'put a domain or a tag into a set, for some time or for good', [
      'v4v set add admins alice --timeout 10m',
      'v4v set add guests tag:lab:80',
    ]),
  )
    .argument('<name>', 'a set of the policy')
    .argument('<element>', 'NAME, tag:TAG, NAME:PORTS or tag:TAG:PORTS')
    .option('--timeout <time>', 'how long it stays, such as 10m')
    .action(
      async (
        name: string,
        element: string,
        options: Options & { timeout?: string; reason?: string },
      ) => {
        const client = await AdminClient.open(options)
        const { timeout } = options
        const path = restPath('sets', name, 'elements')
        const body = { element, ...(timeout !== undefined && { timeout }) }
        const headers = changeHeaders(options)
        const answer = await client.call<ElementChanged>('POST', path, body, headers)
        const until = answer.expiresAt === null ? '' : ` until ${time(answer.expiresAt)}`
        printDone(options.output, answer, `${answer.element} is in ${name}${until}`)
      },
    )
}

function remove(): Command {
  return withReason(
    adminCommand('rm', 'take out of a set what was put into it by hand', [
      'v4v set rm admins alice',
    ]),
  )
    .argument('<name>', 'a set of the policy')
    .argument('<element>', 'as "v4v set ls" shows it')
    .action(async (name: string, element: string, options: Options & { reason?: string }) => {
      const client = await AdminClient.open(options)
      const path = restPath('sets', name, 'elements', element)
      const headers = changeHeaders(options)
      const answer = await client.call<ElementChanged>('DELETE', path, undefined, headers)
      printDone(options.output, answer, `${answer.element} is no longer in ${name}`)
    })
}
