import type { Command } from 'commander'
import { join } from 'node:path'
import type * as StateTools from '../../state-tools.js'
import { AdminClient } from '../admin-client.js'
import { withReason } from '../change.js'
import { command, group, withOutput, type DaemonOptions, type OutputOptions } from '../command.js'
import { stateDirOf } from '../daemon-place.js'
import { errorText, EXIT, failed, Failure, refused } from '../fail.js'
import {
  byteCount,
  column,
  note,
  printData,
  printDone,
  printLine,
  printRows,
  time,
} from '../output.js'
import { colour } from '../colour.js'
import { parseCount } from '../parse.js'
import { writeDocuments } from '../policy-files.js'
import { printable } from '../printable.js'

interface Options extends OutputOptions, Pick<DaemonOptions, 'state'> {}

type ChangeOptions = Options & { readonly reason?: string }
type Tools = typeof StateTools

const CHECK_HELP = `
The exit code is 0 when all is well, 2 when something is not but a daemon can start, 3 when none can,
and 1 when nothing could be looked at. A daemon that runs on the folder is asked over REST.`
const REPAIR_HELP = `
What can't be read is told and left out: the files as they were stay beside. The newest revision of
the policy that can be read is the one to start with, else everything is rejected. The exit code is 0
when nothing was lost, 2 when something was.`

const shown = { ok: colour('green', 'ok      '), degraded: colour('yellow', 'degraded') } as const
const EXIT_CODES = { ok: EXIT.ok, degraded: 2, broken: EXIT.refused } as const

/** `v4v state`: what only whoever has the state folder's files can do. */
export function stateCommand(): Command {
  return group(
    'state',
    'check, repair, copy and change a state folder, by its files: mostly while no daemon runs',
    ['v4v state check', 'v4v state repair --dry-run', 'v4v state backup /backup/v4vd.sqlite'],
    [check(), repair(), backup(), restore(), revisions(), use(), exportFiles(), token()],
  )
}

function stateSubcommand(name: string, description: string, examples: readonly string[]): Command {
  return withOutput(command(name, description, examples)).option(
    '--state <dir>',
    'the state folder (else $V4V_STATE, else the default)',
  )
}

function check(): Command {
  return stateSubcommand(
    'check',
    'look whether a daemon can start, with what, and whether all is well',
    ['v4v state check', 'v4v state check --state /var/lib/v4v -o json'],
  )
    .addHelpText('after', CHECK_HELP)
    .action(async (options: Options) => {
      const found = await withTools(options, (tools, dir) => tools.checkIdleState(dir))
      const client = found === undefined ? await AdminClient.open(options) : undefined
      const seen = found ?? (await client!.get<StateTools.StateCheck>('/v1/state/check'))
      printCheck(options, seen)
      process.exitCode = EXIT_CODES[seen.status]
    })
}

function printCheck({ output }: Options, seen: StateTools.StateCheck): void {
  if (output !== 'table') {
    printData(output, seen)
    return
  }
  for (const { name, status, message } of seen.findings) {
    const mark = status === 'broken' ? colour('red', 'broken  ') : shown[status]
    printLine(`${mark}  ${name}: ${printable(message)}`)
  }
}

function repair(): Command {
  return withReason(
    stateSubcommand('repair', 'take over what can be read of a damaged database into a new one', [
      'v4v state repair --dry-run',
      'v4v state repair --reason "the disk was replaced"',
    ]),
  )
    .option('--dry-run', 'only say what would be done')
    .addHelpText('after', REPAIR_HELP)
    .action(async (options: ChangeOptions & { dryRun?: true }) => {
      const isDry = options.dryRun === true
      const done = await withTools(options, ({ repairState }, dir) =>
        repairState(dir, options.reason ?? '', isDry),
      )
      if (options.output !== 'table') printData(options.output, done)
      else for (const line of repairLines(done, isDry)) printLine(printable(line))
      const isLoss = done.losses.length > 0 || done.audit !== null
      process.exitCode = isLoss || (done.isNeeded && done.good === 0) ? 2 : EXIT.ok
    })
}

function repairLines(done: StateTools.Repair, isDry: boolean): string[] {
  const { isNeeded, copy, rows, losses, good, revision, isTokenNew, audit } = done
  const broken = audit === null ? [] : [`the audit log can't be proved to be whole: ${audit}`]
  if (!isNeeded) return ['there is nothing to repair, and nothing was changed', ...broken]
  const taken = Object.entries(rows).filter(([, count]) => count > 0)
  const policy =
    good === 0
      ? `no revision of the policy can be read: revision ${revision} rejects everything`
      : good === revision
        ? `revision ${good} is the one to start with`
        : `revision ${revision} is the one to start with: it says what revision ${good} said`
  return [
    ...losses.map(({ table, row, why }) => `lost: ${table} ${row}: ${why}`),
    `taken over: ${taken.map(([table, count]) => `${count} ${table}`).join(', ') || 'nothing'}`,
    policy,
    ...broken,
    ...(isTokenNew ? ['no admin could get in any more: admin.token has a new token'] : []),
    copy === null ? 'nothing was changed' : `as it was: ${copy}`,
    ...(isDry ? ['this is what "v4v state repair" would do'] : []),
  ]
}

function backup(): Command {
  return stateSubcommand('backup', 'copy the database as it is now, also while a daemon runs', [
    'v4v state backup /backup/v4vd.sqlite',
  ])
    .argument('<file>', 'which must not be there')
    .action(async (file: string, options: Options) => {
      await withTools(options, ({ backUpState }, dir) => backUpState(dir, file))
      printDone(options.output, { file }, `wrote ${file}`)
    })
}

function restore(): Command {
  return withReason(
    stateSubcommand('restore', 'put a copy of "backup" in the place of the database', [
      'v4v state restore /backup/v4vd.sqlite',
    ]),
  )
    .argument('<file>', 'the copy')
    .action(async (file: string, options: ChangeOptions) => {
      const copy = await withTools(options, ({ restoreState }, dir) =>
        restoreState(dir, file, options.reason ?? ''),
      )
      const was = copy === undefined ? '' : `; as it was before: ${copy}`
      printDone(options.output, { file, copy: copy ?? null }, `restored ${file}${was}`)
    })
}

function revisions(): Command {
  return stateSubcommand('revisions', 'list the revisions of the policy that are kept', [
    'v4v state revisions',
  ]).action(async (options: Options) => {
    const kept = await withTools(options, ({ stateRevisions }, dir) => stateRevisions(dir))
    printRows(
      options.output,
      kept,
      [
        column('REVISION', r => r.revision, true),
        column('STATE', r => (r.problem === undefined ? 'good' : 'bad')),
        column('AT', r => time(r.at)),
        column('RULES', r => r.rules, true),
        column('SIZE', r => byteCount(r.bytes), true),
        column('AUTHOR', r => r.author),
        column('REASON', r => r.problem ?? (r.reason || '-')),
      ],
      'no revision is kept',
    )
  })
}

function use(): Command {
  return withReason(
    stateSubcommand('use', 'start with what a revision said, as a new one', [
      'v4v state use 7 --reason "8 locked me out"',
    ]),
    'the history and the audit log',
  )
    .argument('<revision>', 'one of "v4v state revisions"', parseCount)
    .action(async (revision: number, options: ChangeOptions) => {
      const done = await withTools(options, ({ useRevision }, dir) =>
        useRevision(dir, revision, options.reason ?? ''),
      )
      if (!done.ok) throw refused(done.message)
      const sentence = `revision ${done.revision} says what revision ${revision} said, and is the one to start with`
      printDone(options.output, { revision: done.revision, from: revision }, sentence)
    })
}

function exportFiles(): Command {
  return stateSubcommand(
    'export',
    'write the policy files of a revision, also while a daemon runs',
    ['v4v state export 7 policy/'],
  )
    .argument('<revision>', 'one of "v4v state revisions"', parseCount)
    .argument('<dir>', 'where to; it is made where it is not there')
    .action(async (revision: number, dir: string, options: Options) => {
      const read = await withTools(options, ({ stateDocuments }, from) =>
        stateDocuments(from, revision),
      )
      if (!read.ok) throw refused(read.message)
      const names = read.documents.map(({ name }) => name)
      await writeDocuments(dir, read.documents)
      printDone(options.output, { revision, files: names }, `wrote ${names.join(', ')} to ${dir}`)
    })
}

function token(): Command {
  return withReason(
    stateSubcommand('token', 'make a token with the role root and write it into admin.token', [
      'v4v state token --reason "nobody had one any more"',
    ]),
  ).action(async (options: ChangeOptions) => {
    const path = await withTools(options, ({ makeRootToken }, dir) => {
      makeRootToken(dir, options.reason ?? '')
      return join(dir, 'admin.token')
    })
    printDone(options.output, { file: path }, `a new token is in ${path}`)
    note('tokens that were there before are valid still: see "v4v token ls"')
  })
}

/** What takes a native library is loaded for these commands alone. */
async function withTools<T>(options: Options, work: (tools: Tools, dir: string) => T): Promise<T> {
  const [dir, tools] = await Promise.all([stateDirOf(options), import('../../state-tools.js')])
  try {
    return work(tools, dir)
  } catch (error) {
    if (error instanceof Failure) throw error
    throw failed(errorText(error), undefined, error)
  }
}
