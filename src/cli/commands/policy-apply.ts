import type { Command } from 'commander'
import { AdminClient } from '../admin-client.js'
import { changeHeaders, changeQuery, withChange, type ChangeOptions } from '../change.js'
import { adminCommand } from '../command.js'
import { usage } from '../fail.js'
import { printDone, time } from '../output.js'
import { baseOf, onlyFolder, readBase, revisionFor, writeBase } from '../policy-base.js'
import { readDocuments } from '../policy-files.js'
import type { Comparison, PolicyApplied } from '../rest.js'
import { changed } from '../stale.js'

interface ApplyOptions extends ChangeOptions {
  readonly force?: true
}

/** `v4v policy apply`: files become the policy. */
export function policyApplyCommand(): Command {
  return withChange(
    adminCommand('apply', 'put policy files in force; a test in them that fails keeps them out', [
      'v4v policy apply policy/ --reason "web may ask the cache"',
      'v4v policy apply policy/ --confirm 30s && v4v policy confirm',
    ]),
  )
    .alias('import')
    .argument('<file...>', 'files or folders, read as one policy, in the order of their names')
    .option(
      '--force',
      'also when others changed the policy since the revision that the folder comes from',
    )
    .action(async (files: string[], options: ApplyOptions) => {
      const { ifRevision, force, reason, output } = options
      if (force && ifRevision !== undefined) {
        throw usage('--force is for any revision, and --if-revision for one', 'give one of them')
      }
      const documents = await readDocuments(files)
      const dir = await onlyFolder(files)
      const base = dir === undefined ? undefined : await readBase(dir)
      const client = await AdminClient.open(options)
      const isGuarded = base !== undefined && ifRevision === undefined && !force
      const revision = isGuarded ? await revisionFor(client, dir!, base) : ifRevision
      const change = client.call<PolicyApplied>(
        'PUT',
        `/v1/policy${changeQuery(options)}`,
        { documents, ...(reason !== undefined && { reason }) },
        changeHeaders({ ifRevision: revision }),
      )
      const answer = await changed(output, change, toDo)
      const next = base && (await baseOf(client, answer.revision))
      if (next !== undefined) await writeBase(dir!, next)
      printDone(output, answer, appliedText(answer))
    })
}

/** What came of putting a policy in force. */
export function appliedText({
  revision,
  rules,
  added,
  changed: other,
  removed,
  deadline,
  unchanged,
}: PolicyApplied): string {
  if (unchanged) return `no change: revision ${revision} says the same already, and stays in force`
  const what = `${rules} rules, ${added} added, ${other} changed, ${removed} removed`
  const until =
    deadline === null
      ? ''
      : `; it goes away unless "v4v policy confirm" is run by ${time(deadline)}`
  return `revision ${revision} is in force: ${what}${until}`
}

function toDo({ isClean, problem }: Comparison): string {
  const over = '--force puts your files in the place of theirs'
  if (isClean || problem !== null) return over
  return `"v4v policy export NEW-DIR" brings what is in force, to make your change there again; ${over}`
}
