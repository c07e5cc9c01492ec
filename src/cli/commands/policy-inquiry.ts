import { Option, type Command } from 'commander'
import { CONTROL_NAME, type Endpoint, type MessageType } from '../../abi/addr.js'
import { MESSAGE_BYTES_MAX } from '../../abi/limits.js'
import {
  explain as explainTuple,
  type ExplainedRule,
  type Explanation,
} from '../../policy/explain.js'
import { lint as lintPolicy, type LintFinding } from '../../policy/lint.js'
import {
  allReach,
  REACHES_MAX,
  whatCan as reachFrom,
  whoCan as reachTo,
  type Reach,
} from '../../policy/reach.js'
import { formatPorts } from '../../policy/selector.js'
import { AdminClient } from '../admin-client.js'
import { adminCommand, type DaemonOptions, type OutputOptions } from '../command.js'
import { EXIT, usage } from '../fail.js'
import { GRAPH_FORMATS, graphText, type GraphFormat } from '../graph-text.js'
import {
  endOf,
  readDomains,
  readPolicy,
  subjectOf,
  withDomains,
  type OfflineOptions,
} from '../offline.js'
import { column, note, printData, printRows, printText, printThing } from '../output.js'
import { endpointOf, parseBytes, parseCount } from '../parse.js'
import type { DomainList } from '../rest.js'

interface Options extends DaemonOptions, OutputOptions, OfflineOptions {
  readonly revision?: number
}

interface ExplainOptions extends Options {
  readonly type: MessageType
  readonly size?: number
  readonly file?: string[]
}

interface ReachAnswer {
  readonly reach: readonly Reach[]
  /** False for a graph that was too large to be looked at whole. */
  readonly isWhole?: boolean
}

interface LintAnswer {
  readonly findings: readonly LintFinding[]
}

/** The commands of `v4v policy` that ask about a policy: that of a daemon, or that of files. */
export function inquiryCommands(): Command[] {
  return [explain(), whoCan(), whatCan(), graph(), lint()]
}

function explain(): Command {
  return withDomains(
    atRevision(
      adminCommand('explain', 'say which rule decides about a datagram, and how', [
        'v4v policy explain web:40000 collector:514',
        'v4v policy explain web:40000 collector:514 --revision 7',
        'v4v policy explain web:40000 collector:514 --size 64KiB',
        'v4v policy explain --file policy/00-default.yaml web:40000 collector:514',
      ]),
    ),
  )
    .argument('<from>', 'NAME:PORT of the sender')
    .argument('<to>', 'NAME:PORT of the receiver')
    .addOption(
      new Option('--type <type>', 'message type').choices(['dgram', 'stream']).default('dgram'),
    )
    .option('--size <bytes>', 'of so much payload, for rules with max_bytes or a quota', parseBytes)
    .option('--file <file...>', 'ask these files or folders instead of a daemon')
    .action(async (from: string, to: string, options: ExplainOptions) => {
      checkSource(options.file, options)
      const [source, destination] = [endpointOf(from), endpointOf(to)]
      const { size } = options
      if (size !== undefined && size > MESSAGE_BYTES_MAX) {
        throw usage(`a datagram has at most ${MESSAGE_BYTES_MAX} bytes of payload, not ${size}`)
      }
      const answer: Explanation & { readonly revision?: number; readonly audited?: true } =
        options.file === undefined
          ? await explainedByDaemon(source, destination, options)
          : await explainedByFiles(source, destination, options.file, options)
      const { action, rule, walk, shadows, maxBytes, code, audited } = answer
      printThing(options.output, answer, [
        ['verdict', code === undefined ? action : `${action}, but ${size} bytes get ${code}`],
        ...(audited ? ([['but', 'audit mode delivers it, and records it as audit']] as const) : []),
        ['because', rule === null ? 'no rule matches' : `rule ${rule.position} matches first`],
        ...(rule === null ? [] : ([['rule', ruleText(rule)]] as const)),
        ...(maxBytes === undefined ? [] : ([['at most', `${maxBytes} bytes`]] as const)),
        ...(answer.revision === undefined ? [] : ([['revision', answer.revision]] as const)),
        ...walk.map(passed => ['passed by', `${ruleText(passed)}: ${passed.why}`] as const),
        ...shadows.map(later => ['never asked', ruleText(later)] as const),
      ])
    })
}

async function explainedByDaemon(
  source: Endpoint,
  destination: Endpoint,
  options: ExplainOptions,
): Promise<Explanation & { readonly revision: number; readonly audited?: true }> {
  const client = await AdminClient.open(options)
  const { domains } = await client.get<DomainList>('/v1/domains')
  for (const name of new Set([source.domain, destination.domain])) {
    if (name !== CONTROL_NAME && !domains.some(domain => domain.name === name)) {
      note(`there is no domain ${name}: of its tags only those are known that the policy gives it`)
    }
  }
  const [from, to] = [source, destination].map(({ domain, port }) => `${domain}:${port}`)
  const { type, size, revision } = options
  const asked = {
    from,
    to,
    type,
    ...(size !== undefined && { size }),
    ...(revision !== undefined && { revision }),
  }
  return client.call<Explanation & { readonly revision: number; readonly audited?: true }>(
    'POST',
    '/v1/policy/explain',
    asked,
  )
}

async function explainedByFiles(
  from: Endpoint,
  to: Endpoint,
  files: readonly string[],
  options: ExplainOptions,
): Promise<Explanation> {
  const policy = await readPolicy(files)
  const given = await readDomains(options)
  if (given === undefined) note('without --domains only the tags are known that the files give')
  const domains = given ?? []
  const tuple = {
    source: subjectOf(from.domain, domains),
    sourcePort: from.port,
    destination: subjectOf(to.domain, domains),
    destinationPort: to.port,
    type: options.type,
  }
  return explainTuple(policy, tuple, Date.now(), options.size)
}

function whoCan(): Command {
  return reachCommand('who-can', 'list who can send to a domain', [
    'v4v policy who-can db:5432',
    'v4v policy who-can tag:db:5432 policy/',
  ])
}

function whatCan(): Command {
  return reachCommand('what-can', 'list whom a domain can send to', [
    'v4v policy what-can web',
    'v4v policy what-can web policy/ --domains domains.json',
  ])
}

function reachCommand(name: string, description: string, examples: readonly string[]): Command {
  return withDomains(atRevision(adminCommand(name, description, examples)))
    .argument('<domain>', 'NAME, NAME:PORT or NAME:PORTS; or tag:TAG, of which no more is known')
    .argument('[file...]', 'ask these files or folders instead of a daemon')
    .action(async (domain: string, files: string[], options: Options) => {
      checkSource(files, options)
      if (files.length > 0) {
        const policy = await readPolicy(files)
        const domains = (await readDomains(options)) ?? []
        const find = name === 'who-can' ? reachTo : reachFrom
        const reach = find(policy, domains, endOf(domain, domains), Date.now())
        printReach(options, { reach })
        return
      }
      const client = await AdminClient.open(options)
      const query = new URLSearchParams({ domain, ...atQuery(options) })
      printReach(options, await client.get<ReachAnswer>(`/v1/policy/${name}?${query.toString()}`))
    })
}

function graph(): Command {
  return withDomains(
    atRevision(
      adminCommand('graph', 'show everything that the policy lets through', [
        'v4v policy graph',
        'v4v policy graph --format svg > policy.svg',
        'v4v policy graph --format mermaid policy/',
      ]),
    ),
  )
    .argument('[file...]', 'show these files or folders instead of what a daemon has')
    .addOption(new Option('--format <format>', 'draw it').choices(GRAPH_FORMATS))
    .action(async (files: string[], options: Options & { format?: GraphFormat }) => {
      const { format } = options
      checkSource(files, options)
      if (files.length === 0 && format !== undefined && format !== 'json') {
        printText(await pictureOfDaemon(format, options))
        return
      }
      const answer =
        files.length > 0 ? await reachOfFiles(files, options) : await reachOfDaemon(options)
      if (answer.isWhole === false) {
        note('not all is shown: it is too much; ask who-can and what-can about single domains')
      }
      if (format === undefined) printReach(options, answer)
      else printText(await graphText(answer.reach, format))
    })
}

async function reachOfFiles(files: readonly string[], options: Options): Promise<ReachAnswer> {
  const policy = await readPolicy(files)
  const domains = (await readDomains(options)) ?? []
  const reach = allReach(policy, domains, Date.now(), REACHES_MAX)
  return { reach, isWhole: reach.length <= REACHES_MAX }
}

async function reachOfDaemon(options: Options): Promise<ReachAnswer> {
  const client = await AdminClient.open(options)
  const query = new URLSearchParams(atQuery(options))
  return client.get<ReachAnswer>(`/v1/policy/graph?${query.toString()}`)
}

async function pictureOfDaemon(format: GraphFormat, options: Options): Promise<string> {
  const client = await AdminClient.open(options)
  const query = new URLSearchParams({ format, ...atQuery(options) })
  const response = await client.request('GET', `/v1/policy/graph?${query.toString()}`)
  return response.text()
}

interface LintAsked extends Options {
  readonly comments?: true
  readonly unused?: string
}

function lint(): Command {
  return withDomains(
    atRevision(
      adminCommand(
        'lint',
        'list what is probably not meant; exit code 3 if it is worth a warning',
        ['v4v policy lint --unused 30d', 'v4v policy lint policy/ --comments'],
      ),
    ),
  )
    .argument('[file...]', 'look at these files or folders instead of what a daemon has')
    .option('--comments', 'ask for a comment on every rule')
    .option('--unused <time>', 'of a daemon: also rules that were not hit for so long, such as 30d')
    .action(async (files: string[], options: LintAsked) => {
      checkSource(files, options)
      const answer =
        files.length > 0 ? await lintOfFiles(files, options) : await lintOfDaemon(options)
      printLint(options, answer)
      if (answer.findings.some(({ severity }) => severity !== 'note')) {
        process.exitCode = EXIT.refused
      }
    })
}

async function lintOfFiles(files: readonly string[], options: LintAsked): Promise<LintAnswer> {
  if (options.unused !== undefined) {
    throw usage('files have no hits: ask a daemon which rules are unused')
  }
  const policy = await readPolicy(files)
  const { comments } = options
  const domains = await readDomains(options)
  return { findings: lintPolicy(policy, { now: Date.now(), domains, comments }) }
}

async function lintOfDaemon(options: LintAsked): Promise<LintAnswer> {
  const client = await AdminClient.open(options)
  const query = new URLSearchParams(atQuery(options))
  if (options.comments === true) query.set('comments', 'true')
  if (options.unused !== undefined) query.set('unused', options.unused)
  return client.get<LintAnswer>(`/v1/policy/lint?${query.toString()}`)
}

function printLint(options: Options, answer: LintAnswer): void {
  if (options.output !== 'table') {
    printData(options.output, answer)
    return
  }
  printRows(
    'table',
    answer.findings,
    [
      column('SEVERITY', f => f.severity),
      column('ABOUT', f => f.about),
      column('AT', f => (f.place === undefined ? '-' : `${f.place.file}:${f.place.line}`)),
      column('WHAT', f => f.message),
    ],
    'nothing found',
  )
}

function printReach(options: Options, answer: ReachAnswer): void {
  if (options.output !== 'table') {
    printData(options.output, answer)
    return
  }
  printRows(
    'table',
    answer.reach,
    [
      column('FROM', r => `${r.from.join(',')}:${formatPorts(r.sourcePorts)}`),
      column('TO', r => `${r.to.join(',')}:${formatPorts(r.destinationPorts)}`),
      column('TYPE', r => r.type),
      column('ACTION', r => r.action),
      column('RULE', r => r.rule),
    ],
    'nobody',
  )
}

/** What would be passed over in silence is not what was asked for. */
function checkSource(files: readonly string[] = [], { revision, domains }: Options): void {
  if (files.length > 0 && revision !== undefined) {
    throw usage('--revision is of a daemon', 'leave it out, or the files')
  }
  if (files.length === 0 && domains !== undefined) {
    throw usage('--domains goes with files', 'a daemon knows its domains itself')
  }
}

function atRevision(command: Command): Command {
  return command.option('--revision <n>', 'of this revision, not the one in force', parseCount)
}

function atQuery({ revision }: Options): Record<string, string> {
  return revision === undefined ? {} : { revision: String(revision) }
}

function ruleText({ id, position, text, place }: ExplainedRule): string {
  const at = place === undefined ? '' : `, ${place.file}:${place.line}`
  return `${id} (${position}${at}): ${text}`
}
