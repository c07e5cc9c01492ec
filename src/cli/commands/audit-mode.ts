import { Argument, type Command } from 'commander'
import { AdminClient } from '../admin-client.js'
import { changeHeaders, withReason } from '../change.js'
import { adminCommand, type DaemonOptions, type OutputOptions } from '../command.js'
import { usage } from '../fail.js'
import { printDone } from '../output.js'
import type { AuditMode } from '../rest.js'

interface Options extends DaemonOptions, OutputOptions {
  readonly domain?: string
  readonly reason?: string
}

/** `v4v audit-mode`: deliver what policy would refuse, and record it. */
export function auditModeCommand(): Command {
  return withReason(
    adminCommand(
      'audit-mode',
      'say who is in audit mode, or switch it: what policy would refuse is delivered and recorded',
      ['v4v audit-mode', 'v4v audit-mode on --domain web', 'v4v audit-mode off'],
    ),
  )
    .addArgument(new Argument('[switch]', 'of everything, or of a domain').choices(['on', 'off']))
    .option('--domain <name>', 'of what this domain sends, and of what is sent to it')
    .action(async (to: 'on' | 'off' | undefined, options: Options) => {
      const { domain } = options
      if (to === undefined && domain !== undefined) throw usage('--domain goes with on or off')
      const client = await AdminClient.open(options)
      const body = { on: to === 'on', ...(domain !== undefined && { domain }) }
      const answer =
        to === undefined
          ? await client.get<AuditMode>('/v1/audit-mode')
          : await client.call<AuditMode>('PUT', '/v1/audit-mode', body, changeHeaders(options))
      printDone(options.output, answer, sentence(answer))
    })
}

function sentence({ all, domains }: AuditMode): string {
  if (all) return 'everything is in audit mode: what policy would refuse is delivered'
  if (domains.length === 0) return 'nothing is in audit mode: what policy refuses is refused'
  return `in audit mode: ${domains.join(', ')}`
}
