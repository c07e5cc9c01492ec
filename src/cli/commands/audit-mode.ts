import { Argument, type Command } from 'commander'
import { AdminClient } from '../admin-client.js'
import { adminCommand, type DaemonOptions, type OutputOptions } from '../command.js'
import { printDone } from '../output.js'
import type { AuditMode } from '../rest.js'

interface Options extends DaemonOptions, OutputOptions {
  readonly domain?: string
  readonly reason?: string
}

/** `v4v audit-mode`: deliver what policy would refuse, and record it. */
export function auditModeCommand(): Command {
  return adminCommand(
    'audit-mode',
    'say who is in audit mode, or switch it: what policy would refuse is delivered and recorded',
    ['v4v audit-mode', 'v4v audit-mode on --domain web', 'v4v audit-mode off'],
  )
    .addArgument(new Argument('[switch]', 'of everything, or of a domain').choices(['on', 'off']))
    .option('--domain <name>', 'of what this domain sends, and of what is sent to it')
    .option('--reason <text>', 'why, for the audit log')
    .action(async (to: 'on' | 'off' | undefined, options: Options) => {
      const client = await AdminClient.open(options)
      const { domain, reason } = options
      const body = {
        on: to === 'on',
        ...(domain !== undefined && { domain }),
        ...(reason !== undefined && { reason }),
      }
      const answer =
        to === undefined
          ? await client.get<AuditMode>('/v1/audit-mode')
          : await client.call<AuditMode>('PUT', '/v1/audit-mode', body)
      printDone(options.output, answer, sentence(answer))
    })
}

function sentence({ all, domains }: AuditMode): string {
  if (all) return 'everything is in audit mode: what policy would refuse is delivered'
  if (domains.length === 0) return 'nothing is in audit mode: what policy refuses is refused'
  return `in audit mode: ${domains.join(', ')}`
}
