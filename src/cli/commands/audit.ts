import type { Command } from 'commander'
import { AdminClient } from '../admin-client.js'
import { adminCommand, type DaemonOptions, type OutputOptions } from '../command.js'
import { column, printRows, time } from '../output.js'
import { parseCount } from '../parse.js'
import type { AuditList } from '../rest.js'

/** `v4v audit`: who changed what. */
export function auditCommand(): Command {
  return adminCommand('audit', 'print the changes that were made, the newest first', [
    'v4v audit --limit 20',
  ])
    .option('--limit <n>', 'how many, up to 1000', parseCount)
    .action(async (options: DaemonOptions & OutputOptions & { limit?: number }) => {
      const client = await AdminClient.open(options)
      const query = options.limit === undefined ? '' : `?limit=${options.limit}`
      const { records } = await client.get<AuditList>(`/v1/audit${query}`)
      printRows(
        options.output,
        records,
        [
          column('SEQ', r => r.seq, true),
          column('AT', r => time(r.at)),
          column('ACTOR', r => r.actor),
          column('ACTION', r => r.action),
          column('TARGET', r => r.target),
          column('REVISION', r => r.revisionAfter ?? '-', true),
          column('REASON', r => r.reason || '-'),
        ],
        'nothing was changed yet',
      )
    })
}
