import type { Command } from 'commander'
import { AdminClient } from '../admin-client.js'
import { adminCommand, type DaemonOptions, type OutputOptions } from '../command.js'
import { note, printData, printDocument } from '../output.js'
import type { Suggestion } from '../rest-policy.js'

/** `v4v policy suggest`: a draft of a policy that lets through what was let through. */
export function policySuggestCommand(): Command {
  return adminCommand(
    'suggest',
    'draft a policy file, with tests, that lets through what was let through',
    ['v4v policy suggest > draft.yaml', 'v4v policy suggest --since 24h'],
  )
    .option('--since <time>', 'how far to look back, such as 24h; 7d unless told')
    .action(async (options: DaemonOptions & OutputOptions & { since?: string }) => {
      const client = await AdminClient.open(options)
      const { since } = options
      const query = since === undefined ? '' : `?since=${encodeURIComponent(since)}`
      const answer = await client.get<Suggestion>(`/v1/policy/suggest${query}`)
      if (options.output !== 'table') {
        printData(options.output, answer)
        return
      }
      printDocument(answer.document)
      note(`${answer.rules} rules and ${answer.tests} tests, of ${answer.flows} flows`)
    })
}
