import type { Command } from 'commander'
import { AdminClient } from '../admin-client.js'
import { changeHeaders, changeQuery, withChange, type ChangeOptions } from '../change.js'
import { adminCommand } from '../command.js'
import { usage } from '../fail.js'
import { note, printDone, time } from '../output.js'
import { baseOf, onlyFolder, readBase, revisionFor, writeBase } from '../policy-base.js'
import { readDocuments, writeDocuments } from '../policy-files.js'
import type { Comparison, PolicyApplied, PolicyDocuments } from '../rest-policy.js'
import { changed } from '../stale.js'

interface ApplyOptions extends ChangeOptions {
  readonly force?: true
  readonly merge?: true
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
    .option(
      '--merge',
      'together with what others changed since then, unless there is a conflict; the files say it, too',
    )
    .action(async (files: string[], options: ApplyOptions) => {
      const { ifRevision, force, merge, reason, output } = options
      if (force && (merge || ifRevision !== undefined)) {
        throw usage('--force goes over what others changed', 'leave out --merge and --if-revision')
      }
      const documents = await readDocuments(files)
      const dir = await onlyFolder(files)
      const base = dir === undefined ? undefined : await readBase(dir)
      const client = await AdminClient.open(options)
      const isGuarded = base !== undefined && ifRevision === undefined && !force
      const revision = isGuarded ? await revisionFor(client, dir!, base) : ifRevision
      if (merge && revision === undefined) {
        throw usage(
          '--merge has to know which revision the files come from',
          'give it a folder that "v4v policy export" wrote, or --if-revision',
        )
      }
      const change = client.call<PolicyApplied>(
        'PUT',
        `/v1/policy${changeQuery({ ...options, stale: merge && 'merge' })}`,
        { documents, ...(reason !== undefined && { reason }) },
        changeHeaders({ ifRevision: revision }),
      )
      const answer = await changed(output, change, toDo)
      if (answer.mergedFrom !== undefined) await takeOver(client, dir, answer)
      const next = base && (await baseOf(client, answer.revision))
      // What the files were made for is what was in force then, and comes back unless it is confirmed.
      const isHeld = answer.deadline !== null && isGuarded && answer.mergedFrom === undefined
      const otherwise = isHeld && base.hash !== '' ? base.hash : undefined
      if (next !== undefined) await writeBase(dir!, { ...next, otherwise })
      printDone(output, answer, appliedText(answer))
    })
}

/** Writes what others changed into the files as well, so that they say what is in force. */
async function takeOver(
  client: AdminClient,
  dir: string | undefined,
  { revision, mergedFrom }: PolicyApplied,
): Promise<void> {
  if (dir === undefined) {
    note(`the files do not say what others changed since revision ${mergedFrom}`)
    return
  }
  const path = `/v1/policy/revisions/${revision}?form=documents`
  const { documents } = await client.get<PolicyDocuments>(path)
  const before = new Map((await readDocuments([dir])).map(({ name, text }) => [name, text]))
  const other = documents.filter(({ name, text }) => before.get(name) !== text)
  await writeDocuments(dir, other)
  const names = other.map(({ name }) => name).join(', ')
  note(`what others changed since revision ${mergedFrom} is in ${names || 'the files already'}`)
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
  if (isClean) return `--merge puts both in force; ${over}`
  if (problem !== null) return over
  return `"v4v policy export NEW-DIR" brings what is in force, to make your change there again; ${over}`
}
