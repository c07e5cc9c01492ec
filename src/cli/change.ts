import type { Command } from 'commander'
import type { DaemonOptions, OutputOptions } from './command.js'
import { usage } from './fail.js'
import { parseCount } from './parse.js'

/** Options of every command that makes a new revision of the policy. */
export interface ChangeOptions extends DaemonOptions, OutputOptions {
  readonly confirm?: string
  readonly ifRevision?: number | undefined
  readonly reason?: string
  /** False for --no-tests. */
  readonly tests?: boolean
}

/** What else a request for a whole policy can say. */
interface StaleOptions {
  /** What to do when another revision is in force. */
  readonly stale?: 'merge' | undefined
}

/** Adds them. */
export function withChange(command: Command): Command {
  return withReason(
    command
      .option(
        '--confirm <time>',
        'roll back unless "v4v policy confirm" is run in time, such as 30s',
      )
      .option('--if-revision <n>', 'only when this revision is in force', parseCount)
      .option('--no-tests', 'also when a test of the policy fails; for root only'),
    'the history and the audit log',
  )
}

/** Adds `--reason`. */
export function withReason(command: Command, where = 'the audit log'): Command {
  return command.option('--reason <text>', `why, for ${where}`)
}

/** The query of a request that changes the policy. */
export function changeQuery({ confirm, tests, stale }: ChangeOptions & StaleOptions): string {
  const query = new URLSearchParams()
  if (confirm !== undefined) query.set('confirm', confirm)
  if (tests === false) query.set('tests', 'skip')
  if (stale !== undefined) query.set('stale', stale)
  return query.size === 0 ? '' : `?${query.toString()}`
}

/** Its headers. @throws Failure for a reason of several lines. */
export function changeHeaders({
  ifRevision,
  reason,
}: Pick<ChangeOptions, 'ifRevision' | 'reason'>): Record<string, string> {
  return {
    ...(ifRevision !== undefined && { 'if-match': `"${ifRevision}"` }),
    ...(reason !== undefined && { 'x-v4v-reason': headerText(reason) }),
  }
}

/** A text as the daemon reads it from a header: UTF-8, of one line. */
function headerText(text: string): string {
  if (/\p{Cc}/u.test(text)) throw usage('the reason is one line of text')
  return Buffer.from(text, 'utf8').toString('latin1')
}
