import type { Command } from 'commander'
import { formatPolicyDocument, mergeDocuments } from '../../policy/document.js'
import { AdminClient } from '../admin-client.js'
import {
  changeHeaders,
  changeQuery,
  withChange,
  withReason,
  type ChangeOptions,
} from '../change.js'
import { adminCommand, type DaemonOptions, type OutputOptions } from '../command.js'
import { EXIT, failed, usage } from '../fail.js'
import { column, note, printData, printDocument, printDone, printRows, time } from '../output.js'
import { parseCount } from '../parse.js'
import { diffLines, planLines, printPlanLines } from '../plan-text.js'
import { baseOf, onlyFolder, readBase, writeBase } from '../policy-base.js'
import { filesOf, readDocuments, writeDocuments } from '../policy-files.js'
import { printable } from '../printable.js'
import { appliedText, policyApplyCommand } from './policy-apply.js'
import { policySuggestCommand } from './policy-suggest.js'
import type { Changed } from '../rest.js'
import type {
  PolicyApplied,
  PolicyDiff,
  PolicyDocuments,
  PolicyPlan,
  RevisionList,
} from '../rest-policy.js'
import { changed, sayAgain } from '../stale.js'
import { watched, withWatch } from '../watch.js'

type Options = DaemonOptions & OutputOptions

/** The commands of `v4v policy` that look at the policy of a daemon, or change it. */
export function livePolicyCommands(): Command[] {
  return [
    show(),
    exportFiles(),
    plan(),
    policyApplyCommand(),
    confirm(),
    history(),
    rollback(),
    policySuggestCommand(),
  ]
}

function show(): Command {
  return adminCommand(
    'show',
    'print the policy in force, or that of a revision, as a policy file',
    [
      'v4v policy show > policy.yaml',
      'v4v policy show --revision 7',
      'v4v policy show --dir policy/',
    ],
  )
    .option('--revision <n>', 'of this revision', parseCount)
    .option('--dir <dir>', 'write the files there as they were given, comments and all')
    .action(async (options: Options & { revision?: number; dir?: string }) => {
      const client = await AdminClient.open(options)
      const { dir } = options
      const policy = await client.get<PolicyDocuments>(documentsPath(options))
      if (dir !== undefined) await writeFiles(client, dir, policy, options)
      else if (options.output !== 'table') {
        printData(options.output, policy)
      } else {
        printDocument(oneDocument(policy))
      }
    })
}

function exportFiles(): Command {
  return adminCommand(
    'export',
    'write the policy in force, or that of a revision, as files, comments and all',
    ['v4v policy export policy/', 'v4v policy export before/ --revision 7'],
  )
    .argument('<dir>', 'the folder')
    .option('--revision <n>', 'of this revision', parseCount)
    .action(async (dir: string, options: Options & { revision?: number }) => {
      const client = await AdminClient.open(options)
      const policy = await client.get<PolicyDocuments>(documentsPath(options))
      await writeFiles(client, dir, policy, options)
    })
}

function documentsPath({ revision }: { readonly revision?: number }): string {
  const path = revision === undefined ? '/v1/policy' : `/v1/policy/revisions/${revision}`
  return `${path}?form=documents`
}

async function writeFiles(
  client: AdminClient,
  dir: string,
  { revision, documents }: PolicyDocuments,
  { output }: Options,
): Promise<void> {
  await writeDocuments(dir, documents)
  const base = await baseOf(client, revision)
  if (base !== undefined) await writeBase(dir, base)
  const files = documents.map(({ name }) => name)
  const inDir = (await filesOf([dir])).map(({ document }) => document)
  const others = inDir.filter(name => !files.includes(name))
  if (output !== 'table') printData(output, { revision, files, others })
  else note(`revision ${revision}: ${files.join(', ')}`)
  if (others.length === 0) return
  note(printable(`also in ${dir}, and not of that revision: ${others.join(', ')}`))
}

function plan(): Command {
  return adminCommand(
    'plan',
    'say what policy files would change: exit code 0 nothing, 2 something, 3 they are refused',
    ['v4v policy plan policy/', 'v4v policy plan policy/ --replay 24h -o json'],
  )
    .argument('<file...>', 'files or folders, read as one policy, in the order of their names')
    .option('--replay <time>', 'decide the flows of this time again; else those of the flow log')
    .action(async (files: string[], options: Options & { replay?: string }) => {
      const documents = await readDocuments(files)
      const client = await AdminClient.open(options)
      const { replay } = options
      const query = replay === undefined ? '' : `?replay=${encodeURIComponent(replay)}`
      const answer = await client.call<PolicyPlan>('POST', `/v1/policy/plan${query}`, { documents })
      if (options.output !== 'table') printData(options.output, answer)
      else printPlanLines(planLines(answer))
      await noteBase(files, answer.revision)
      const codes = { none: EXIT.ok, changes: EXIT.usage, refused: EXIT.refused }
      process.exitCode = codes[answer.status]
    })
}

/** Says when files come from another revision than they are compared with. */
async function noteBase(files: readonly string[], revision: number): Promise<void> {
  const dir = await onlyFolder(files)
  const base = dir === undefined ? undefined : await readBase(dir)
  if (base === undefined || base.revision === revision) return
  note(
    `the files come from revision ${base.revision}: "v4v policy apply" asks what others changed since`,
  )
}

function confirm(): Command {
  return withReason(
    adminCommand('confirm', 'keep the revision that would be rolled back otherwise', [
      'v4v policy confirm',
    ]),
  ).action(async (options: Options & { reason?: string }) => {
    const client = await AdminClient.open(options)
    const headers = changeHeaders(options)
    const answer = await client.call<Changed>('POST', '/v1/policy/confirm', {}, headers)
    printDone(options.output, answer, `revision ${answer.revision} stays`)
  })
}

function history(): Command {
  return withWatch(
    adminCommand('history', 'list the revisions of the policy, the newest first', [
      'v4v policy history --limit 10',
    ]),
  )
    .option('--limit <n>', 'how many, up to 1000', parseCount)
    .action(
      watched(async (options: Options & { limit?: number }) => {
        const client = await AdminClient.open(options)
        const query = options.limit === undefined ? '' : `?limit=${options.limit}`
        const list = await client.get<RevisionList>(`/v1/policy/revisions${query}`)
        if (options.output !== 'table') {
          printData(options.output, list)
          return
        }
        printRows(
          'table',
          list.revisions,
          [
            column('REVISION', r => r.revision, true),
            column('AT', r => time(r.at)),
            column('BY', r => r.author),
            column('RULES', r => r.rules, true),
            column('REASON', r => r.reason || '-'),
          ],
          'there is no revision: everything is rejected',
        )
        const { unconfirmed } = list
        note(`revision ${list.revision} is in force`)
        if (unconfirmed === null) return
        const { revision, backTo, deadline } = unconfirmed
        note(
          `revision ${revision} waits for "v4v policy confirm" until ${time(deadline)}, else ${backTo} comes back`,
        )
      }),
    )
}

function rollback(): Command {
  return withChange(
    adminCommand('rollback', 'make what a revision said the next one', [
      'v4v policy rollback 7 --reason "the new one locks out web"',
    ]),
  )
    .argument('<revision>', 'see "v4v policy history"', parseCount)
    .action(async (revision: number, options: ChangeOptions) => {
      const client = await AdminClient.open(options)
      const { reason } = options
      const change = client.call<PolicyApplied>(
        'POST',
        `/v1/policy/rollback${changeQuery(options)}`,
        { revision, ...(reason !== undefined && { reason }) },
        changeHeaders({ ifRevision: options.ifRevision }),
      )
      const answer = await changed(options.output, change, sayAgain)
      printDone(options.output, answer, `back to ${revision}: ${appliedText(answer)}`)
    })
}

/** Prints what tells two revisions of a daemon's policy apart. */
export async function printRevisionDiff(a: string, b: string, options: Options): Promise<void> {
  const client = await AdminClient.open(options)
  const diff = await client.get<PolicyDiff>(
    `/v1/policy/diff?from=${revisionOf(a)}&to=${revisionOf(b)}`,
  )
  if (options.output !== 'table') printData(options.output, diff)
  else printPlanLines(diffLines(diff))
}

function revisionOf(text: string): string {
  if (/^[0-9]{1,15}$/.test(text)) return text
  throw usage(`${JSON.stringify(text)} is not a revision`, 'see "v4v policy history"')
}

/** The documents as one that says the same; the only one there is stays as it was given. */
function oneDocument({ revision, documents }: PolicyDocuments): string {
  const [only, another] = documents
  if (only !== undefined && another === undefined) return only.text
  const merged = mergeDocuments(documents)
  if (merged.ok) return formatPolicyDocument(merged)
  throw failed(
    `revision ${revision} of the daemon can't be read`,
    'use the v4v of the same version as the daemon, or --dir',
  )
}
