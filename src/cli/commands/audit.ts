import type { Command } from 'commander'
import { AdminClient } from '../admin-client.js'
import { adminCommand, type DaemonOptions, type OutputOptions } from '../command.js'
import { failed } from '../fail.js'
import { column, printData, printLine, printRows, time } from '../output.js'
import { parseCount } from '../parse.js'
import { printableJson } from '../printable.js'
import type { AuditHead, AuditList, AuditVerdict } from '../rest.js'
import { watched, withWatch } from '../watch.js'

/** Records asked for at a time. */
const PAGE = 1000

const HEAD_HELP = `
A log that lost its end, or was put back to an earlier state, fits its hashes: only who has kept how
it ended can tell. A daemon keeps that in its state folder, and writes a record "audit.lost" when it
starts on a log that does not have it any more. "verify" fails for such a record, too, until --head
is of after it.`

/** `v4v audit`: who changed what. */
export function auditCommand(): Command {
  return withWatch(
    adminCommand('audit', 'print the changes that were made, the newest first', [
      'v4v audit --limit 20',
    ]),
  )
    .option('--limit <n>', 'how many, up to 1000', parseCount)
    .addCommand(head())
    .addCommand(verify())
    .addCommand(exportAll())
    .action(
      watched(async (options: DaemonOptions & OutputOptions & { limit?: number }) => {
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
            column('FROM', r => r.origin ?? '-'),
            column('ACTION', r => r.action),
            column('TARGET', r => r.target),
            column('REVISION', r => r.revisionAfter ?? '-', true),
            column('REASON', r => r.reason || '-'),
          ],
          'nothing was changed yet',
        )
      }),
    )
}

function head(): Command {
  return adminCommand('head', 'print the end of the log, to be kept on another machine', [
    'v4v audit head > audit.head',
  ])
    .addHelpText('after', HEAD_HELP)
    .action(async (_options: unknown, self: Command) => {
      const options = self.optsWithGlobals<DaemonOptions & OutputOptions>()
      const client = await AdminClient.open(options)
      const end = await client.get<AuditHead>('/v1/audit/head')
      if (options.output !== 'table') printData(options.output, end)
      else printLine(`${end.seq}:${end.hash}`)
    })
}

function verify(): Command {
  return adminCommand('verify', 'check that no record was changed, removed or slipped in', [
    'v4v audit verify',
    'v4v audit verify --head $(cat audit.head)',
  ])
    .option('--head <seq:hash>', 'what "v4v audit head" printed: nothing up to there may be gone')
    .addHelpText('after', HEAD_HELP)
    .action(async (_options: unknown, self: Command) => {
      const options = self.optsWithGlobals<DaemonOptions & OutputOptions & { head?: string }>()
      const client = await AdminClient.open(options)
      const query = options.head === undefined ? '' : `?head=${encodeURIComponent(options.head)}`
      const verdict = await client.get<AuditVerdict>(`/v1/audit/verify${query}`)
      if (options.output !== 'table') printData(options.output, verdict)
      else if (verdict.ok)
        printLine(`${verdict.records} records, the last with hash ${verdict.hash}`)
      if (!verdict.ok) throw failed(verdict.message, 'compare with a copy of the log from before')
    })
}

function exportAll(): Command {
  return adminCommand('export', 'print all records, the oldest first, as one line of JSON each', [
    'v4v audit export > audit.jsonl',
  ]).action(async (_options: unknown, self: Command) => {
    const client = await AdminClient.open(self.optsWithGlobals<DaemonOptions>())
    let after = 0
    for (;;) {
      const path = `/v1/audit?after=${after}&limit=${PAGE}`
      const { records } = await client.get<AuditList>(path)
      for (const record of records) printLine(printableJson(record))
      if (records.length < PAGE) return
      after = records.at(-1)!.seq
    }
  })
}
