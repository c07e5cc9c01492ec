import { Option, type Command } from 'commander'
import { FLOW_VERDICTS } from '../../policy/flow-verdict.js'
import { AdminClient } from '../admin-client.js'
import { adminCommand, type DaemonOptions, type OutputOptions } from '../command.js'
import { usage } from '../fail.js'
import { flowLine } from '../flow-line.js'
import { follow } from '../follow.js'
import { column, note, printData, printLine, printRecord, printRows, time } from '../output.js'
import { parseCount } from '../parse.js'
import { printable } from '../printable.js'
import { restPath } from '../rest-path.js'
import type { Flow, FlowList, HistoryList } from '../rest.js'

interface Options extends DaemonOptions, OutputOptions {
  readonly follow?: true
  readonly history?: true
  readonly since?: string
  readonly verdict?: string
  readonly src?: string
  readonly dst?: string
  readonly rule?: string
  readonly limit?: number
}

/** Records shown before those to come. */
const FOLLOW_RECENT = 10

/** `v4v flows`: what the policy decided, and why. */
export function flowsCommand(): Command {
  return adminCommand('flows', 'print decisions: every refusal and the first datagram of a flow', [
    'v4v flows',
    'v4v flows -f --verdict reject --dst db',
    'v4v flows --history --since 24h',
    'v4v flows d-6b00fc7000001',
  ])
    .argument('[decision]', 'only this one, by the id that the sender was told')
    .option(
      '-f, --follow',
      'go on with those to come; -o json prints one a line then, -o yaml a document each',
    )
    .addOption(new Option('--verdict <verdict>', 'only these').choices(FLOW_VERDICTS))
    .option('--src <domain>', 'only what this domain sends')
    .option('--dst <domain>', 'only what is sent to this domain')
    .option('--rule <id>', 'only what this rule decides; default for what none does')
    .option('--history', 'what became of flows in the last days, added up')
    .option('--since <time>', 'with --history: how far to look back, such as 24h')
    .option('--limit <n>', 'how many of the recent ones', parseCount)
    .action(async (decision: string | undefined, options: Options) => {
      checkUsage(decision, options)
      const client = await AdminClient.open(options)
      if (decision !== undefined) await one(client, decision, options)
      else if (options.history) await past(client, options)
      else if (options.follow) await present(client, options)
      else await list(client, options)
    })
}

/** What would be passed over in silence is not what was asked for. */
function checkUsage(decision: string | undefined, options: Options): void {
  const { follow: isFollowed, history, since, verdict, src, dst, rule, limit } = options
  const filters = [isFollowed, history, since, verdict, src, dst, rule, limit]
  if (decision !== undefined && filters.some(filter => filter !== undefined)) {
    throw usage('a decision is one alone', 'leave out the options that choose among many')
  }
  if (history && isFollowed) throw usage('--history and --follow exclude each other')
  if (since !== undefined && !history) throw usage('--since goes with --history')
}

async function list(client: AdminClient, options: Options): Promise<void> {
  const { flows } = await client.get<FlowList>(`/v1/flows?${queryOf(options, 'json')}`)
  if (options.output !== 'table') printData(options.output, flows)
  else if (flows.length === 0) note('nothing was decided yet')
  else for (const flow of flows) printLine(flowLine(flow))
}

async function one(client: AdminClient, decision: string, options: Options): Promise<void> {
  const flow = await client.get<Flow>(restPath('decisions', decision))
  if (options.output !== 'table') printData(options.output, flow)
  else printLine(flowLine(flow))
}

async function past(client: AdminClient, options: Options): Promise<void> {
  const query = filterOf(options)
  if (options.since !== undefined) query.set('since', options.since)
  const answer = await client.get<HistoryList>(`/v1/flows/history?${query.toString()}`)
  if (options.output !== 'table') {
    printData(options.output, answer)
    return
  }
  printRows(
    'table',
    answer.flows,
    [
      column('VERDICT', r => r.verdict),
      column('FROM', r => r.source),
      column('TO', r => r.destination),
      column('TYPE', r => r.type),
      column('RULE', r => r.rule),
      column('DATAGRAMS', r => r.datagrams, true),
      column('BYTES', r => r.bytes, true),
      column('FIRST', r => time(r.firstAt)),
      column('LAST', r => time(r.lastAt)),
    ],
    'no flows were seen',
  )
  if (answer.lost > 0) note(`${answer.lost} datagrams are in no flow: there were too many flows`)
}

async function present(client: AdminClient, options: Options): Promise<void> {
  const query = queryOf({ ...options, limit: options.limit ?? FOLLOW_RECENT }, 'events')
  await follow(client, `/v1/flows?${query}`, 'the flow log', ({ event, data }) => {
    if (event === 'lost') note(printable(`... ${data.replace('lost=', '')} were missed`))
    if (event !== 'flow') return
    const flow = JSON.parse(data) as Flow
    if (options.output === 'table') printLine(flowLine(flow))
    else printRecord(options.output, flow)
  })
}

function queryOf(options: Options, format: 'json' | 'events'): string {
  const query = filterOf(options)
  query.set('format', format)
  if (options.follow) query.set('follow', 'true')
  return query.toString()
}

function filterOf({ verdict, src, dst, rule, limit }: Options): URLSearchParams {
  const query = new URLSearchParams()
  if (verdict !== undefined) query.set('verdict', verdict)
  if (src !== undefined) query.set('source', src)
  if (dst !== undefined) query.set('destination', dst)
  if (rule !== undefined) query.set('rule', rule)
  if (limit !== undefined) query.set('limit', String(limit))
  return query
}
