import type { Command } from 'commander'
import { mergeDocuments } from '../../policy/document.js'
import { formatProblem } from '../../policy/policy-problem.js'
import {
  adminCommand,
  command,
  group,
  withOutput,
  type DaemonOptions,
  type OutputOptions,
} from '../command.js'
import { EXIT, usage } from '../fail.js'
import { withDomains, type OfflineOptions } from '../offline.js'
import { note, printData, printLine } from '../output.js'
import { readPolicyFiles } from '../policy-files.js'
import { printable } from '../printable.js'
import { inquiryCommands } from './policy-inquiry.js'
import { livePolicyCommands, printRevisionDiff } from './policy-live.js'
import { offlineCommands, printFileDiff } from './policy-offline.js'

type DiffOptions = DaemonOptions & OutputOptions & OfflineOptions

/** `v4v policy`: the table as a whole. */
export function policyCommand(): Command {
  return group(
    'policy',
    'check, change and ask about the policy as a whole',
    ['v4v policy plan policy/', 'v4v policy explain agent:40000 collector:514'],
    [...livePolicyCommands(), diff(), check(), ...offlineCommands(), ...inquiryCommands()],
  )
}

function diff(): Command {
  return withDomains(
    adminCommand(
      'diff',
      'say what tells two revisions, or two policies in files, apart, by rule and by decision; of files: exit code 2 if something does',
      ['v4v policy diff 6 7', 'v4v policy diff old/ new/ --domains domains.json'],
    ),
  )
    .argument('<a>', 'a revision, or a file or folder')
    .argument('<b>', 'a later one, or another file or folder')
    .action(async (a: string, b: string, options: DiffOptions) => {
      const isRevision = /^[0-9]+$/
      if (!isRevision.test(a) || !isRevision.test(b)) {
        await printFileDiff(a, b, options)
        return
      }
      if (options.domains !== undefined) throw usage('--domains goes with files')
      await printRevisionDiff(a, b, options)
    })
}

function check(): Command {
  const target = command('check', 'say what is wrong with policy files, without a daemon', [
    'v4v policy check policy/',
  ])
  return withOutput(target)
    .argument('<file...>', 'files or folders, read as one policy, in the order of their names')
    .action(async (files: string[], options: OutputOptions) => {
      const texts = await readPolicyFiles(files)
      const document = mergeDocuments(texts)
      if (options.output !== 'table') {
        printData(options.output, document)
      } else if (document.ok) {
        printLine(`${count(document.rules.length, 'rule')} in ${count(texts.length, 'file')}: good`)
      } else {
        for (const problem of document.problems) note(printable(formatProblem(problem)))
      }
      if (!document.ok) process.exitCode = EXIT.refused
    })
}

function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`
}
