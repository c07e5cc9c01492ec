#!/usr/bin/env node
import { CommanderError, type Command } from 'commander'
import { askedFor, command, usageProblem } from './command.js'
import { errorLine, EXIT, Failure } from './fail.js'
import { version } from './version.js'

const program = command('v4v', 'datagrams between parties that do not trust each other', [
  'v4v serve',
  'v4v domain add web && v4v domain add collector',
  'v4v rule add accept web:* collector:514',
  'v4v listen 514 --as collector',
  'v4v send collector:514 hello --as web',
])
  .usage('COMMAND [options]')
  .version(version(), '-V, --version', 'print the version')
  .showSuggestionAfterError()

/** Each with what it takes, which is loaded for nobody else: a command starts twice as fast. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  serve: async () => (await import('./commands/serve.js')).serveCommand(),
  domain: async () => (await import('./commands/domain.js')).domainCommand(),
  token: async () => (await import('./commands/token.js')).tokenCommand(),
  rule: async () => (await import('./commands/rule.js')).ruleCommand(),
  policy: async () => (await import('./commands/policy.js')).policyCommand(),
  set: async () => (await import('./commands/set.js')).setCommand(),
  viptables: async () => (await import('./commands/viptables.js')).viptablesCommand(),
  ring: async () => (await import('./commands/ring.js')).ringCommand(),
  session: async () => (await import('./commands/session.js')).sessionCommand(),
  flows: async () => (await import('./commands/flows.js')).flowsCommand(),
  ask: async () => (await import('./commands/ask.js')).askCommand(),
  'audit-mode': async () => (await import('./commands/audit-mode.js')).auditModeCommand(),
  stats: async () => (await import('./commands/stats.js')).statsCommand(),
  audit: async () => (await import('./commands/audit.js')).auditCommand(),
  state: async () => (await import('./commands/state.js')).stateCommand(),
  check: async () => (await import('./commands/check.js')).checkCommand(),
  config: async () => (await import('./commands/config.js')).configCommand(),
  listen: async () => (await import('./commands/listen.js')).listenCommand(),
  send: async () => (await import('./commands/send.js')).sendCommand(),
  ping: async () => (await import('./commands/ping.js')).pingCommand(),
  bench: async () => (await import('./commands/bench.js')).benchCommand(),
  latency: async () => (await import('./commands/latency.js')).latencyCommand(),
  demo: async () => (await import('./commands/demo.js')).demoCommand(),
}

const asked = process.argv[2] ?? ''
const isKnown = Object.hasOwn(COMMANDS, asked)
for (const [name, load] of Object.entries(COMMANDS)) {
  if (!isKnown || name === asked) program.addCommand(await load())
}

// A daemon must not end because the terminal that it was started from did.
process.stderr.on('error', () => undefined)
// Whoever reads our output may have had enough of it, as in `v4v rule ls | head -1`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT.ok)
  throw error
})

try {
  await program.parseAsync()
} catch (error) {
  process.exitCode = report(error)
}

/** Prints an error in one line; the exit code it stands for. */
function report(error: unknown): number {
  if (!(error instanceof CommanderError)) {
    process.stderr.write(`${errorLine(error)}\n`)
    return error instanceof Failure ? error.exitCode : EXIT.failed
  }
  const problem = usageProblem(error, program)
  if (problem === undefined) return EXIT.ok
  const help = `see "${[...askedFor(program), '--help'].join(' ')}"`
  process.stderr.write(`${errorLine(new Error(`${problem}; ${help}`))}\n`)
  return EXIT.usage
}
