import { readFile } from 'node:fs/promises'
import { Option, type Command } from 'commander'
import type { MessageType } from '../../abi/addr.js'
import { formatPolicyDocument, mergeDocuments } from '../../policy/document.js'
import { formatProblem } from '../../policy/policy-problem.js'
import type { Rule } from '../../policy/rule.js'
import { formatRule } from '../../policy/rule-text.js'
import { evaluate } from '../../policy/verdict.js'
import { AdminClient } from '../admin-client.js'
import {
  adminCommand,
  command,
  group,
  withOutput,
  type DaemonOptions,
  type OutputOptions,
} from '../command.js'
import { EXIT, errorCode, failed, usage } from '../fail.js'
import { note, printJson, printLine, printThing } from '../output.js'
import { endpointOf } from '../parse.js'
import { printable } from '../printable.js'
import type { DomainList, RuleList } from '../rest.js'
import { rulesOf } from '../rules-of.js'

type Options = DaemonOptions & OutputOptions

interface ExplainOptions extends Options {
  readonly type: MessageType
  readonly file?: string[]
}

/** `v4v policy`: the table as a whole. */
export function policyCommand(): Command {
  return group(
    'policy',
    'show, check and explain the rules as a whole',
    ['v4v policy show > policy.yaml', 'v4v policy explain agent:40000 collector:514'],
    [show(), check(), explain()],
  )
}

function show(): Command {
  return adminCommand('show', 'print the rules in force as a policy file', [
    'v4v policy show',
  ]).action(async (options: Options) => {
    const client = await AdminClient.open(options)
    const list = await client.get<RuleList>('/v1/rules')
    if (options.output === 'json') printJson(list)
    else process.stdout.write(formatPolicyDocument({ rules: rulesOf(list.rules) }))
  })
}

function check(): Command {
  const target = command('check', 'say what is wrong with policy files, without a daemon', [
    'v4v policy check policy/*.yaml',
  ])
  return withOutput(target)
    .argument('<file...>', 'read as one table, in the order of their names')
    .action(async (files: string[], options: OutputOptions) => {
      const document = await readDocuments(files)
      if (options.output === 'json') {
        printJson(document)
      } else if (document.ok) {
        printLine(`${count(document.rules.length, 'rule')} in ${count(files.length, 'file')}: good`)
      } else {
        for (const problem of document.problems) note(printable(formatProblem(problem)))
      }
      if (!document.ok) process.exitCode = EXIT.refused
    })
}

function explain(): Command {
  return adminCommand('explain', 'say which rule decides about a datagram, and how', [
    'v4v policy explain web:40000 collector:514',
    'v4v policy explain --file policy/00-default.yaml web:40000 collector:514',
  ])
    .argument('<from>', 'NAME:PORT of the sender')
    .argument('<to>', 'NAME:PORT of the receiver')
    .addOption(
      new Option('--type <type>', 'message type').choices(['dgram', 'stream']).default('dgram'),
    )
    .option('--file <file...>', 'ask these files instead of a daemon; domains have no tags then')
    .action(async (from: string, to: string, options: ExplainOptions) => {
      const source = endpointOf(from)
      const destination = endpointOf(to)
      const { rules, revision, tagsOf } =
        options.file === undefined ? await fromDaemon(options) : await fromFiles(options.file)
      const verdict = evaluate(rules, revision, {
        source: { name: source.domain, tags: tagsOf(source.domain) },
        sourcePort: source.port,
        destination: { name: destination.domain, tags: tagsOf(destination.domain) },
        destinationPort: destination.port,
        type: options.type,
      })
      const { rule, position } = verdict
      printThing(options.output, verdict, [
        ['verdict', verdict.action],
        ['because', rule === null ? 'no rule matches' : `rule ${position} matches first`],
        ...(rule === null ? [] : ([['rule', `${rule.id}: ${formatRule(rule)}`]] as const)),
      ])
    })
}

interface Table {
  readonly rules: readonly Rule[]
  readonly revision: number
  readonly tagsOf: (domain: string) => readonly string[]
}

async function fromFiles(files: readonly string[]): Promise<Table> {
  const document = await readDocuments(files)
  if (!document.ok) {
    const [first] = document.problems
    throw usage(formatProblem(first!), 'see all with "v4v policy check"')
  }
  return { rules: document.rules, revision: 0, tagsOf: () => [] }
}

async function fromDaemon(options: Options): Promise<Table> {
  const client = await AdminClient.open(options)
  const { domains } = await client.get<DomainList>('/v1/domains')
  const { revision, rules } = await client.get<RuleList>('/v1/rules')
  return {
    rules: rulesOf(rules),
    revision,
    tagsOf: domain => domains.find(({ name }) => name === domain)?.tags ?? [],
  }
}

async function readDocuments(files: readonly string[]): Promise<ReturnType<typeof mergeDocuments>> {
  return mergeDocuments(
    await Promise.all(
      files.map(async path => {
        try {
          return { name: path, text: await readFile(path, 'utf8') }
        } catch (error) {
          throw failed(`${path} can't be read: ${errorCode(error) ?? 'unknown error'}`)
        }
      }),
    ),
  )
}

function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`
}
