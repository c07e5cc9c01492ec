import type { Command } from 'commander'
import { attach, withDomain, type DomainOptions } from '../as-domain.js'
import { command, withOutput, type OutputOptions } from '../command.js'
import { byteCount, printThing } from '../output.js'
import { tokenInVariable } from '../token-text.js'
import { showAdmin } from './token.js'

type Options = DomainOptions & OutputOptions

/** `v4v whoami`: which domain one is, or else which admin. */
export function whoamiCommand(): Command {
  const target = command('whoami', 'show which domain one is and what it may have', [
    'v4v whoami --as web',
    'V4V_TOKEN=... v4v whoami --url ws://host:8484/v1/attach',
    'v4v whoami                # neither: the admin token that is used',
  ])
  return withOutput(withDomain(target))
    .addHelpText(
      'after',
      `
A domain is told its own name, number and limits. To whom it may send is the policy, which it learns
by sending only; an admin sees that with "v4v policy what-can NAME".`,
    )
    .action(whoami)
}

async function whoami(options: Options): Promise<void> {
  if (options.as === undefined && tokenInVariable('V4V_TOKEN') === undefined) {
    await showAdmin(options)
    return
  }
  const domain = await attach(options)
  const { name, id, session, transport, revision, limits } = domain
  await domain.close()
  const shown = { name, id, session, transport, revision, limits }
  printThing(options.output, shown, [
    ['domain', name],
    ['id', id],
    ['transport', transport],
    ['policy', `revision ${revision}`],
    ['rings at most', `${limits.rings}, of ${byteCount(limits.ringBytes)} in all`],
    ['heard of every', `${limits.pingIntervalMs / 1000} s`],
  ])
}
