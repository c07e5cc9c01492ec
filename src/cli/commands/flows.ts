import { Option, type Command } from 'commander'
import { ACTIONS } from '../../policy/rule.js'
import { AdminClient } from '../admin-client.js'
import { adminCommand, type DaemonOptions, type OutputOptions } from '../command.js'
import { serverEvents } from '../event-source.js'
import { failed } from '../fail.js'
import { flowLine } from '../flow-line.js'
import { note, printJson, printLine } from '../output.js'
import { parseCount } from '../parse.js'
import { printable, printableJson } from '../printable.js'
import type { Flow, FlowList } from '../rest.js'

interface Options extends DaemonOptions, OutputOptions {
  readonly follow?: true
  readonly verdict?: string
  readonly limit?: number
}

/** Records shown before those to come. */
const FOLLOW_RECENT = 10

/** `v4v flows`: what the policy decided, and why. */
export function flowsCommand(): Command {
  return adminCommand('flows', 'print decisions: every refusal and the first datagram of a flow', [
    'v4v flows',
    'v4v flows -f --verdict reject',
  ])
    .option('-f, --follow', 'go on with those to come; -o json prints one a line then')
    .addOption(new Option('--verdict <verdict>', 'only these').choices(ACTIONS))
    .option('--limit <n>', 'how many of the recent ones', parseCount)
    .action(async (options: Options) => {
      const client = await AdminClient.open(options)
      if (options.follow) await follow(client, options)
      else await list(client, options)
    })
}

async function list(client: AdminClient, options: Options): Promise<void> {
  const { flows } = await client.get<FlowList>(`/v1/flows?${queryOf(options, 'json')}`)
  if (options.output === 'json') printJson(flows)
  else if (flows.length === 0) note('nothing was decided yet')
  else for (const flow of flows) printLine(flowLine(flow))
}

async function follow(client: AdminClient, options: Options): Promise<void> {
  const query = queryOf({ ...options, limit: options.limit ?? FOLLOW_RECENT }, 'events')
  const response = await client.request('GET', `/v1/flows?${query}`, undefined, {
    accept: 'text/event-stream',
  })
  try {
    for await (const { event, data } of serverEvents(response.body!)) {
      if (event === 'lost') note(printable(`... ${data.replace('lost=', '')} were missed`))
      if (event !== 'flow') continue
      const flow = JSON.parse(data) as Flow
      printLine(options.output === 'json' ? printableJson(flow) : flowLine(flow))
    }
  } catch (error) {
    throw failed('the daemon went away', 'see its log', error)
  }
  throw failed('the daemon ended the flow log', 'see its log, and whether your token still holds')
}

function queryOf(options: Options, format: 'json' | 'events'): string {
  const query = new URLSearchParams({ format })
  if (options.follow) query.set('follow', 'true')
  if (options.verdict !== undefined) query.set('verdict', options.verdict)
  if (options.limit !== undefined) query.set('limit', String(options.limit))
  return query.toString()
}
