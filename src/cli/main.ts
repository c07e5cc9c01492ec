#!/usr/bin/env node
import { CommanderError } from 'commander'
import { command, usageProblem } from './command.js'
import { askCommand } from './commands/ask.js'
import { auditModeCommand } from './commands/audit-mode.js'
import { auditCommand } from './commands/audit.js'
import { benchCommand } from './commands/bench.js'
import { checkCommand } from './commands/check.js'
import { configCommand } from './commands/config.js'
import { demoCommand } from './commands/demo.js'
import { domainCommand } from './commands/domain.js'
import { flowsCommand } from './commands/flows.js'
import { latencyCommand } from './commands/latency.js'
import { listenCommand } from './commands/listen.js'
import { pingCommand } from './commands/ping.js'
import { policyCommand } from './commands/policy.js'
import { ringCommand } from './commands/ring.js'
import { ruleCommand } from './commands/rule.js'
import { sendCommand } from './commands/send.js'
import { serveCommand } from './commands/serve.js'
import { setCommand } from './commands/set.js'
import { sessionCommand } from './commands/session.js'
import { statsCommand } from './commands/stats.js'
import { tokenCommand } from './commands/token.js'
import { viptablesCommand } from './commands/viptables.js'
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

for (const child of [
  serveCommand(),
  domainCommand(),
  tokenCommand(),
  ruleCommand(),
  policyCommand(),
  setCommand(),
  viptablesCommand(),
  ringCommand(),
  sessionCommand(),
  flowsCommand(),
  askCommand(),
  auditModeCommand(),
  statsCommand(),
  auditCommand(),
  checkCommand(),
  configCommand(),
  listenCommand(),
  sendCommand(),
  pingCommand(),
  benchCommand(),
  latencyCommand(),
  demoCommand(),
]) {
  program.addCommand(child)
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
  process.stderr.write(`${errorLine(new Error(`${problem}; see "v4v --help"`))}\n`)
  return EXIT.usage
}
