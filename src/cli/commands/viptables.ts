import type { Command } from 'commander'
import { formatSelector } from '../../policy/selector.js'
import { formatViptables, parseViptables, viptablesChange } from '../../policy/viptables.js'
import { AdminClient } from '../admin-client.js'
import { adminCommand, type DaemonOptions, type OutputOptions } from '../command.js'
import { refused, usage } from '../fail.js'
import { printData, printLine } from '../output.js'
import { printable } from '../printable.js'
import type { Changed, DomainList } from '../rest.js'
import type { RuleList } from '../rest-policy.js'
import { restPath } from '../rest-path.js'
import { rulesOf } from '../rules-of.js'

const HELP = `
What to do, one of:
  -A, --append               add the rule behind the others
  -I, --insert <n>           add the rule in front of rule n
  -D, --delete <n>           remove rule n
  -D, --delete               remove the first rule that is the same as the one given
  -L, --list                 print the rules
  -F, --flush                remove all rules: then everything is rejected
The rule; what is left out means anything:
  -d, --dom-in <domain>      the sender: its name or number
  -p, --port-in <port>       the sender's port
  -e, --dom-out <domain>     the receiver
  -q, --port-out <port>      the receiver's port
  -j, --jump <verdict>       ACCEPT or REJECT`

/** `v4v viptables`: the table in the words of V4V's tool of that name. */
export function viptablesCommand(): Command {
  return adminCommand('viptables', 'the rules, for people who know viptables of V4V', [
    'v4v viptables -A -d web -e db -q 5432 -j ACCEPT',
    'v4v viptables -L',
  ])
    .usage(
      '[options] -A|-I n|-D [n]|-L|-F [-d domain] [-p port] [-e domain] [-q port] [-j verdict]',
    )
    .addHelpText('after', HELP)
    .argument('[arguments...]')
    .allowUnknownOption()
    .action(async (args: string[], options: DaemonOptions & OutputOptions) => {
      const offline = parseViptables(args, () => 'any-name')
      if (typeof offline === 'string') throw usage(offline, 'see "v4v viptables --help"')

      const client = await AdminClient.open(options)
      const { domains } = await client.get<DomainList>('/v1/domains')
      const asked = parseViptables(args, id => domains.find(domain => domain.id === id)?.name)
      if (typeof asked === 'string') throw refused(asked)
      const list = await client.get<RuleList>('/v1/rules')
      const rules = rulesOf(list.rules)
      const change = viptablesChange(asked, rules)
      if (typeof change === 'string') throw refused(change)

      switch (change.kind) {
        case 'none':
          if (options.output !== 'table') printData(options.output, list)
          else for (const line of formatViptables(rules)) printLine(printable(line))
          return
        case 'insert': {
          const { source, destination, ...rest } = change.rule
          const answer = await client.call<Changed>('POST', '/v1/rules', {
            ...rest,
            source: formatSelector(source),
            destination: formatSelector(destination),
            position: change.position,
          })
          if (options.output !== 'table') printData(options.output, answer)
          return
        }
        case 'remove': {
          const answers: Changed[] = []
          for (const id of change.ids)
            answers.push(await client.call('DELETE', restPath('rules', id)))
          if (options.output !== 'table') printData(options.output, answers)
        }
      }
    })
}
