import { Argument, Option, type Command } from 'commander'
import { ACTIONS, RULE_TYPES } from '../../policy/rule.js'
import { OPTION_FIELDS } from '../../policy/rule-option.js'
import { parseSelector } from '../../policy/selector.js'
import { AdminClient } from '../admin-client.js'
import {
  changeHeaders,
  changeQuery,
  withChange,
  withReason,
  type ChangeOptions,
} from '../change.js'
import { adminCommand, group, type DaemonOptions, type OutputOptions } from '../command.js'
import { usage } from '../fail.js'
import { column, note, printDone, printData, printRows, time, type Column } from '../output.js'
import { parseCount } from '../parse.js'
import type { Changed } from '../rest.js'
import type { RuleChanged, RuleInfo, RuleList, RulesZeroed } from '../rest-policy.js'
import { restPath } from '../rest-path.js'
import { changed, sayAgain } from '../stale.js'
import { watched, withWatch } from '../watch.js'

type Options = DaemonOptions & OutputOptions

interface AddOptions extends ChangeOptions {
  readonly at?: number
  readonly type: string
  readonly replies?: true
  readonly comment?: string
  readonly id?: string
  readonly maxBytes?: number
  readonly rate?: string
  readonly burst?: number
  readonly flowRate?: string
  readonly flowBurst?: number
  readonly quota?: string
  readonly log?: string
  readonly expires?: string
}

/** `v4v rule`: the policy table, one rule at a time. */
export function ruleCommand(): Command {
  return group(
    'rule',
    'list and change the rules; the first that matches decides, none means reject',
    ['v4v rule add accept web:* db:5432 --replies --comment "app to db"', 'v4v rule ls -v'],
    [list(), add(), remove(), move(), zero()],
  )
}

function list(): Command {
  return withWatch(
    adminCommand('ls', 'list the rules in the order in which they are asked', ['v4v rule ls -v']),
  )
    .option('-v, --verbose', 'also bytes, last hit and comment')
    .action(
      watched(async (options: Options & { verbose?: true }) => {
        const client = await AdminClient.open(options)
        const list = await client.get<RuleList>('/v1/rules')
        const columns: Column<RuleInfo>[] = [
          column('#', r => r.position, true),
          column('ID', r => r.id),
          column('ACTION', r => r.action),
          column('FROM', r => r.source),
          column('TO', r => r.destination),
          column('TYPE', r => r.type),
          column('REPLIES', r => (r.replies ? 'yes' : '-')),
          column('HITS', r => r.hits, true),
          column('EXPIRES', r => time(r.expires)),
        ]
        if (options.verbose) {
          columns.push(
            column('BYTES', r => r.bytes, true),
            column('LAST HIT', r => time(r.lastHit)),
            column('LIMITED', r => r.limited, true),
            column('AUDITED', r => r.audited, true),
            column('LIMITS', limits),
            column('COMMENT', r => r.comment),
          )
        }
        if (options.output !== 'table') {
          printData(options.output, list)
          return
        }
        printRows('table', list.rules, columns, 'there are no rules: everything is rejected')
        const { hits, bytes, lastHit, audited } = list.default
        const more = `, ${bytes} bytes, ${audited} audited, last hit ${time(lastHit)}`
        const none = `rejected because no rule matched: ${hits}${options.verbose ? more : ''}`
        note(`revision ${list.revision}; ${none}`)
      }),
    )
}

function add(): Command {
  return withChange(
    adminCommand('add', 'add a rule, at the end or at a position', [
      'v4v rule add accept web:* db:5432 --replies --comment "app to db"',
      'v4v rule add --at 1 drop tag:guest:* "*:*"',
      'v4v rule add --at 1 accept web:* db:5432 --expires 10m --rate 100/s',
    ]),
  )
    .addArgument(new Argument('<action>', 'what to do').choices(ACTIONS))
    .argument('<from>', 'NAME:PORT, tag:TAG:PORT, @SET:PORT or *:PORT; a port, 8000-8099 or *')
    .argument('<to>', 'the same for the destination')
    .option('--at <n>', 'position, counted from 1', parseCount)
    .addOption(new Option('--type <type>', 'message type').choices(RULE_TYPES).default('any'))
    .option('--replies', 'also accept the way back')
    .option('--comment <text>', 'why the rule is there')
    .option('--id <id>', 'a name for the rule instead of a number')
    .option('--max-bytes <n>', 'refuse larger datagrams', parseCount)
    .option('--rate <rate>', 'let through so many datagrams, such as 1000/s, 30/m or 5/h')
    .option('--burst <n>', 'how many may come at once', parseCount)
    .option('--flow-rate <rate>', 'the same for each flow')
    .option('--flow-burst <n>', 'how many of a flow may come at once', parseCount)
    .option('--quota <quota>', 'let through so many bytes, such as 64KiB/h or 2GiB/d')
    .option('--log <mode>', 'what the flow log keeps: none, deny, all or sample:N')
    .option('--expires <time>', 'how long the rule is there, such as 10m, or until when')
    .action(async (action: string, from: string, to: string, options: AddOptions) => {
      checkSelector(from)
      checkSelector(to)
      const { at, type, replies, comment, id } = options
      const client = await AdminClient.open(options)
      const change = client.call<RuleChanged>(
        'POST',
        `/v1/rules${changeQuery(options)}`,
        {
          action,
          source: from,
          destination: to,
          type,
          replies: replies ?? false,
          ...(at === undefined ? {} : { position: at }),
          ...(comment === undefined ? {} : { comment }),
          ...(id === undefined ? {} : { id }),
          ...Object.fromEntries(
            OPTION_FIELDS.flatMap(name =>
              options[name] === undefined ? [] : [[name, options[name]]],
            ),
          ),
        },
        changeHeaders(options),
      )
      const answer = await changed(options.output, change, sayAgain)
      const said = `${action} ${from} -> ${to}`
      printDone(options.output, answer, `added rule ${answer.rule.id}: ${said} ${now(answer)}`)
    })
}

function remove(): Command {
  return withChange(adminCommand('rm', 'remove a rule', ['v4v rule rm r7']))
    .argument('<id>')
    .action(async (id: string, options: ChangeOptions) => {
      const client = await AdminClient.open(options)
      const path = `${restPath('rules', id)}${changeQuery(options)}`
      const change = client.call<Changed>('DELETE', path, undefined, changeHeaders(options))
      const answer = await changed(options.output, change, sayAgain)
      printDone(options.output, answer, `removed rule ${id} ${now(answer)}`)
    })
}

function move(): Command {
  return withChange(adminCommand('move', 'move a rule to another position', ['v4v rule move r7 1']))
    .argument('<id>')
    .argument('<n>', 'position, counted from 1', parseCount)
    .action(async (id: string, position: number, options: ChangeOptions) => {
      const client = await AdminClient.open(options)
      const path = `${restPath('rules', id)}${changeQuery(options)}`
      const change = client.call<Changed>('PATCH', path, { position }, changeHeaders(options))
      const answer = await changed(options.output, change, sayAgain)
      printDone(options.output, answer, `moved rule ${id} to ${position} ${now(answer)}`)
    })
}

function zero(): Command {
  return withReason(
    adminCommand('zero', 'start the counters of a rule, or all, again from zero', [
      'v4v rule zero r7',
      'v4v rule zero default',
      'v4v rule zero --reason "after the move"',
    ]),
  )
    .argument('[id]', 'a rule, or default; all when left out')
    .action(async (id: string | undefined, options: Options & { reason?: string }) => {
      const client = await AdminClient.open(options)
      const path = id === undefined ? '/v1/rules/zero' : restPath('rules', id, 'zero')
      const answer = await client.call<RulesZeroed>('POST', path, {}, changeHeaders(options))
      const counted = `${answer.hits} datagrams, ${answer.bytes} bytes were counted`
      printDone(options.output, answer, `zeroed ${id ?? 'all counters'}: ${counted}`)
    })
}

function limits({
  maxBytes,
  rate,
  burst,
  flowRate,
  flowBurst,
  quota,
  quotaUsed,
  log,
}: RuleInfo): string {
  const parts = {
    max_bytes: maxBytes,
    rate,
    burst,
    flow_rate: flowRate,
    flow_burst: flowBurst,
    quota: quota === undefined ? undefined : `${quota} (${quotaUsed} used)`,
    log,
  }
  const said = Object.entries(parts).flatMap(([name, value]) =>
    value === undefined ? [] : `${name} ${value}`,
  )
  return said.join(' ') || '-'
}

function now(answer: Changed): string {
  return `(revision ${answer.revision})`
}

function checkSelector(text: string): void {
  const selector = parseSelector(text)
  if (typeof selector === 'string') throw usage(selector)
}
