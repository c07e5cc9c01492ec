import { CommanderError, type Command } from 'commander'
import { askedFor, command, contextOption, usageProblem } from './command.js'
import { errorAnswer, errorLine, EXIT, Failure, usage, type ExitCode } from './fail.js'
import { printData, timesPrinted, type DataFormat } from './output.js'
import { version } from './version.js'

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
  traffic: async () => (await import('./commands/traffic.js')).trafficCommand(),
  audit: async () => (await import('./commands/audit.js')).auditCommand(),
  state: async () => (await import('./commands/state.js')).stateCommand(),
  openapi: async () => (await import('./commands/openapi.js')).openapiCommand(),
  check: async () => (await import('./commands/check.js')).checkCommand(),
  context: async () => (await import('./commands/context.js')).contextCommand(),
  config: async () => (await import('./commands/config.js')).configCommand(),
  listen: async () => (await import('./commands/listen.js')).listenCommand(),
  send: async () => (await import('./commands/send.js')).sendCommand(),
  ping: async () => (await import('./commands/ping.js')).pingCommand(),
  bench: async () => (await import('./commands/bench.js')).benchCommand(),
  latency: async () => (await import('./commands/latency.js')).latencyCommand(),
  whoami: async () => (await import('./commands/whoami.js')).whoamiCommand(),
  demo: async () => (await import('./commands/demo.js')).demoCommand(),
  completion: async () => (await import('./commands/completion.js')).completionCommand(),
  __complete: async () => (await import('./commands/completion.js')).completeCommand(programFor),
}

/**
 * `v4v` with the command that is asked for, or with all when that is none of them.
 * @param args the words behind `v4v`.
 */
export async function programFor(args: readonly string[]): Promise<Command> {
  const program = command('v4v', 'datagrams between parties that do not trust each other', [
    'v4v serve',
    'v4v domain add web && v4v domain add collector',
    'v4v rule add accept web:* collector:514',
    'v4v listen 514 --as collector',
    'v4v send collector:514 hello --as web',
  ])
    .usage('COMMAND [options]')
    .version(version(), '-V, --version', 'print the version')
    .addOption(contextOption())
    .showSuggestionAfterError()
    // The option may stand in front of the command, too; it is the command's in any case.
    .hook('preAction', (_, asked) => {
      const { context } = program.opts<{ context?: string }>()
      if (context !== undefined) asked.setOptionValue('context', context)
    })
  const [asked = ''] = commandWords(args)
  const isKnown = Object.hasOwn(COMMANDS, asked)
  for (const [name, load] of Object.entries(COMMANDS)) {
    if (isKnown && name !== asked) continue
    program.addCommand(await load(), { hidden: name.startsWith('_') })
  }
  return program
}

/** Runs what is asked for. @returns the exit code, unless the command set one itself. */
export async function runProgram(words: readonly string[]): Promise<number | undefined> {
  const args = asOptions(words)
  const program = await programFor(args)
  const printedBefore = timesPrinted()
  try {
    await program.parseAsync(args, { from: 'user' })
    return undefined
  } catch (error) {
    const [problem, exitCode] = problemOf(error, program, args)
    if (problem === undefined) return exitCode
    process.stderr.write(`${errorLine(problem)}\n`)
    const format = dataFormatIn(args)
    // Behind what was printed before it would make one document two.
    if (format !== undefined && timesPrinted() === printedBefore) {
      printData(format, errorAnswer(problem))
    }
    return exitCode
  }
}

/** `help rule ls` and `version`, as other programs have them, are options here. */
function asOptions(words: readonly string[]): readonly string[] {
  const [first, ...others] = words
  if (first === 'help') return [...others, '--help']
  return first === 'version' ? ['--version', ...others] : words
}

/** The format for programs that is asked for, also in a command line that is wrong otherwise. */
function dataFormatIn(args: readonly string[]): DataFormat | undefined {
  const end = args.indexOf('--')
  const words = end < 0 ? args : args.slice(0, end)
  const asked = words.flatMap((word, i) => {
    if (word === '-o' || word === '--output') return [words[i + 1]]
    return /^(?:-o|--output=)(.+)$/.exec(word)?.slice(1) ?? []
  })
  return (['json', 'yaml'] as const).find(format => asked.at(-1) === format)
}

/** The words from the command's own on, without the options of `v4v` in front of them. */
function commandWords(args: readonly string[]): readonly string[] {
  const [first = ''] = args
  if (first === '--context') return commandWords(args.slice(2))
  return first.startsWith('--context=') ? commandWords(args.slice(1)) : args
}

/** What there is to be said of an error, if anything, and the exit code it stands for. */
function problemOf(
  error: unknown,
  program: Command,
  args: readonly string[],
): [problem: unknown, exitCode: ExitCode] {
  if (error instanceof Failure) return [error, error.exitCode]
  if (!(error instanceof CommanderError)) return [error, EXIT.failed]
  const problem = usageProblem(error, program)
  if (problem === undefined) return [undefined, EXIT.ok]
  const help = `see "${[...askedFor(program, commandWords(args)), '--help'].join(' ')}"`
  return [usage(problem, help), EXIT.usage]
}
