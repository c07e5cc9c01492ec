import { Option, type Command } from 'commander'
import { AdminClient } from '../admin-client.js'
import { changeHeaders, withReason } from '../change.js'
import { adminCommand, group, type DaemonOptions, type OutputOptions } from '../command.js'
import { usage } from '../fail.js'
import {
  column,
  note,
  printDone,
  printData,
  printLine,
  printRows,
  printThing,
  time,
} from '../output.js'
import { parseLifetime } from '../parse.js'
import { printable } from '../printable.js'
import type { TokenInfo, TokenIssued, TokenList, TokenRotated } from '../rest.js'
import { restPath } from '../rest-path.js'
import { watched, withWatch } from '../watch.js'

type Options = DaemonOptions & OutputOptions

interface IssueOptions extends Options {
  readonly admin?: string
  readonly label?: string
  readonly expires?: number
  readonly reason?: string
}

interface RotateOptions extends Options {
  readonly overlap?: string
  readonly expires?: number
  readonly reason?: string
}

/** What a token of an admin allows, from the least. */
const ROLES = ['viewer', 'operator', 'policy-admin', 'root']

/** `v4v token`: how a domain proves who it is. */
export function tokenCommand(): Command {
  return group(
    'token',
    'issue, list and revoke the tokens of domains and admins',
    [
      'v4v token issue web',
      'V4V_TOKEN=$(v4v token issue web) v4v listen 80',
      'v4v token issue --admin viewer --label dashboard',
    ],
    [issue(), list(), rotate(), revoke(), whoami()],
  )
}

function issue(): Command {
  return withReason(
    adminCommand('issue', 'print a new token of a domain or an admin; it is shown this once', [
      'v4v token issue web --label laptop',
      'v4v token issue --admin operator --expires 30d',
    ]),
  )
    .argument('[name]', 'the domain')
    .addOption(new Option('--admin <role>', 'a token of an admin instead').choices(ROLES))
    .option('--label <text>', 'what the token is for')
    .option('--expires <time>', 'how long it is good for, such as 12h or 30d', parseLifetime)
    .action(async (name: string | undefined, options: IssueOptions) => {
      const { admin, label, expires } = options
      if ((name === undefined) === (admin === undefined)) {
        throw usage('a token is of a domain or of an admin', 'give a NAME, or --admin ROLE')
      }
      const client = await AdminClient.open(options)
      const body = {
        ...(admin !== undefined && { role: admin }),
        ...(label !== undefined && { label }),
        ...(expires !== undefined && { expiresAt: Date.now() + expires }),
      }
      const path = name === undefined ? '/v1/tokens' : restPath('domains', name, 'tokens')
      const answer = await client.call<TokenIssued>('POST', path, body, changeHeaders(options))
      if (options.output !== 'table') {
        printData(options.output, answer)
        return
      }
      printToken(answer)
    })
}

function rotate(): Command {
  return withReason(
    adminCommand('rotate', 'print a new token in place of another, for the same', [
      'v4v token rotate 7',
      'v4v token rotate 7 --overlap 1h --expires 30d',
    ]),
  )
    .argument('<id>', 'the number that "v4v token ls" shows')
    .option('--overlap <time>', 'how long the old one goes on, such as 1h; not at all if left out')
    .option(
      '--expires <time>',
      'how long the new one is good for, such as 30d; as long as the old one if left out',
      parseLifetime,
    )
    .action(async (id: string, options: RotateOptions) => {
      const { overlap, expires } = options
      const path = `${tokenPath(id)}/rotate`
      const client = await AdminClient.open(options)
      const body = {
        ...(overlap !== undefined && { overlap }),
        ...(expires !== undefined && { expiresAt: Date.now() + expires }),
      }
      const answer = await client.call<TokenRotated>('POST', path, body, changeHeaders(options))
      if (options.output !== 'table') {
        printData(options.output, answer)
        return
      }
      printToken(answer)
      if (answer.isInFile) note('admin.token in the state folder holds the new one now')
    })
}

function printToken({ text }: TokenIssued): void {
  printLine(printable(text))
  if (process.stdout.isTTY) note('keep it now: only its hash is stored')
}

function tokenPath(id: string): string {
  if (/^[0-9]{1,15}$/.test(id)) return `/v1/tokens/${id}`
  throw usage(`${JSON.stringify(id)} is not the id of a token`, 'see "v4v token ls NAME"')
}

function list(): Command {
  return withWatch(
    adminCommand('ls', 'list the tokens of a domain, or of all admins, without their text', [
      'v4v token ls web',
      'v4v token ls',
      'v4v token ls --ending 7d',
    ]),
  )
    .argument('[name]', 'the domain; without it the tokens of admins')
    .option('--ending <time>', 'instead all that end within this time, such as 7d, soonest first')
    .action(
      watched(async (name: string | undefined, options: Options & { ending?: string }) => {
        const { ending } = options
        if (name !== undefined && ending !== undefined) {
          throw usage('--ending is of all domains and admins', 'leave out the NAME, or it')
        }
        const client = await AdminClient.open(options)
        const query = ending === undefined ? '' : `?ending=${encodeURIComponent(ending)}`
        const path = name === undefined ? `/v1/tokens${query}` : restPath('domains', name, 'tokens')
        const { tokens } = await client.get<TokenList>(path)
        const owners =
          ending === undefined ? [] : [column<TokenInfo>('DOMAIN', t => t.domain ?? '-')]
        const roles = name === undefined ? [column<TokenInfo>('ROLE', t => t.role ?? '-')] : []
        printRows(
          options.output,
          tokens,
          [
            column('ID', t => t.id, true),
            ...owners,
            ...roles,
            column('LABEL', t => t.label || '-'),
            column('ISSUED', t => time(t.createdAt)),
            column('EXPIRES', t => time(t.expiresAt)),
            column('REVOKED', t => time(t.revokedAt)),
            column('LAST USED', t => time(t.lastUsedAt)),
          ],
          noTokens(name, ending),
        )
      }),
    )
}

function noTokens(name: string | undefined, ending: string | undefined): string {
  if (ending !== undefined) return 'no token ends so soon'
  return name === undefined ? 'no admin has a token' : `domain ${name} has no tokens`
}

function whoami(): Command {
  return adminCommand('whoami', 'show the admin token that is used, and what it allows', [
    'v4v token whoami',
  ]).action(showAdmin)
}

/** Prints which admin token is used, and what it allows. */
export async function showAdmin(options: Options): Promise<void> {
  const client = await AdminClient.open(options)
  const answer = await client.get<{ token: TokenInfo }>('/v1/whoami')
  const { id, role, label, expiresAt } = answer.token
  printThing(options.output, answer, [
    ['id', id],
    ['role', role ?? '-'],
    ['label', label || '-'],
    ['expires', time(expiresAt)],
  ])
}

function revoke(): Command {
  return withReason(
    adminCommand('revoke', 'make a token worthless; sessions that used it end', [
      'v4v token revoke 7',
      'v4v token revoke 7 --reason "the laptop is lost"',
    ]),
  )
    .argument('<id>', 'the number that "v4v token ls" shows')
    .action(async (id: string, options: Options & { reason?: string }) => {
      const path = tokenPath(id)
      const client = await AdminClient.open(options)
      const answer = await client.call('DELETE', path, undefined, changeHeaders(options))
      printDone(options.output, answer, `revoked token ${id}`)
    })
}
