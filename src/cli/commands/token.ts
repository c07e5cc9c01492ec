import type { Command } from 'commander'
import { AdminClient } from '../admin-client.js'
import { adminCommand, group, type DaemonOptions, type OutputOptions } from '../command.js'
import { usage } from '../fail.js'
import { column, note, printDone, printJson, printLine, printRows, time } from '../output.js'
import { printable } from '../printable.js'
import type { TokenIssued, TokenList } from '../rest.js'
import { domainPath } from './domain.js'

type Options = DaemonOptions & OutputOptions

/** `v4v token`: how a domain proves who it is. */
export function tokenCommand(): Command {
  return group(
    'token',
    'issue, list and revoke the tokens that domains attach with',
    ['v4v token issue web', 'V4V_TOKEN=$(v4v token issue web) v4v listen 80'],
    [issue(), list(), revoke()],
  )
}

function issue(): Command {
  return adminCommand('issue', 'print a new token of a domain; it is shown this once', [
    'v4v token issue web --label laptop',
  ])
    .argument('<name>', 'the domain')
    .option('--label <text>', 'what the token is for')
    .action(async (name: string, options: Options & { label?: string }) => {
      const client = await AdminClient.open(options)
      const body = options.label === undefined ? {} : { label: options.label }
      const answer = await client.call<TokenIssued>('POST', `${domainPath(name)}/tokens`, body)
      if (options.output === 'json') {
        printJson(answer)
        return
      }
      printLine(printable(answer.text))
      if (process.stdout.isTTY) note('keep it now: only its hash is stored')
    })
}

function list(): Command {
  return adminCommand('ls', 'list the tokens of a domain, without their text', ['v4v token ls web'])
    .argument('<name>', 'the domain')
    .action(async (name: string, options: Options) => {
      const client = await AdminClient.open(options)
      const { tokens } = await client.get<TokenList>(`${domainPath(name)}/tokens`)
      printRows(
        options.output,
        tokens,
        [
          column('ID', t => t.id, true),
          column('LABEL', t => t.label || '-'),
          column('ISSUED', t => time(t.createdAt)),
          column('EXPIRES', t => time(t.expiresAt)),
          column('REVOKED', t => time(t.revokedAt)),
          column('LAST USED', t => time(t.lastUsedAt)),
        ],
        `domain ${printable(name)} has no tokens`,
      )
    })
}

function revoke(): Command {
  return adminCommand('revoke', 'make a token worthless; sessions that used it end', [
    'v4v token revoke 7',
  ])
    .argument('<id>', 'the number that "v4v token ls" shows')
    .action(async (id: string, options: Options) => {
      if (!/^[0-9]{1,15}$/.test(id)) {
        throw usage(`${JSON.stringify(id)} is not the id of a token`, 'see "v4v token ls NAME"')
      }
      const client = await AdminClient.open(options)
      const answer = await client.call('DELETE', `/v1/tokens/${id}`)
      printDone(options.output, answer, `revoked token ${id}`)
    })
}
