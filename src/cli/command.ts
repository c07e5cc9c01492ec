import { Command, Option, type CommanderError } from 'commander'
import { FORMATS, type Format } from './output.js'

/** Options of every command that speaks with a daemon. */
export interface DaemonOptions {
  readonly url?: string
  readonly state?: string
  /** The name of a context. */
  readonly context?: string
}

/** Options of every command that prints a result. */
export interface OutputOptions {
  readonly output: Format
}

/**
 * A command with its one-line description and, at the end of its help, examples. Its usage errors
 * are thrown instead of printed, so that `main.ts` prints all errors the same way.
 */
export function command(name: string, description: string, examples: readonly string[]): Command {
  const text = examples.map(example => `  $ ${example}`).join('\n')
  return new Command(name)
    .description(description)
    .helpOption('-h, --help', 'show this help')
    .helpCommand(false)
    .exitOverride()
    .configureOutput({ outputError: () => {} })
    .addHelpText('after', `\n${examples.length === 1 ? 'Example' : 'Examples'}:\n${text}`)
}

/** A command that asks the daemon over REST and prints what it says. */
export function adminCommand(
  name: string,
  description: string,
  examples: readonly string[],
): Command {
  return withOutput(withDaemon(command(name, description, examples), 'http://host:8484'))
}

/** Adds `--url`, `--state` and `--context`. */
export function withDaemon(target: Command, exampleUrl: string): Command {
  return target
    .option('--url <url>', `where the daemon is, such as ${exampleUrl} (else $V4V_URL, else local)`)
    .option('--state <dir>', "the local daemon's state folder (else $V4V_STATE, else the default)")
    .addOption(contextOption())
}

/** Which of the places that `v4v context` knows is meant. */
export function contextOption(): Option {
  return new Option(
    '--context <name>',
    'the daemon that has this name in "v4v context ls" (else $V4V_CONTEXT, else the current one)',
  )
}

/** Adds `-o`. */
export function withOutput(target: Command, formats: readonly Format[] = FORMATS): Command {
  return target.addOption(
    new Option('-o, --output <format>', 'how to print it').choices(formats).default('table'),
  )
}

/** A command that is only a name for others. */
export function group(
  name: string,
  description: string,
  examples: readonly string[],
  commands: readonly Command[],
): Command {
  const parent = command(name, description, examples)
  for (const child of commands) parent.addCommand(child)
  return parent
}

/**
 * What the user did wrong in words, or undefined when the help or the version was asked for.
 * @param program all commands: one that is in a group is named with it.
 */
export function usageProblem(error: CommanderError, program: Command): string | undefined {
  if (error.exitCode === 0) return undefined
  if (error.code === 'commander.help') return 'a command is missing'
  const unknown = /unknown command '([^']+)'$/.exec(error.message)?.[1]
  const parent = program.commands.find(each => hasCommand(each, unknown))
  if (unknown !== undefined && parent !== undefined && !hasCommand(program, unknown)) {
    return `unknown command '${unknown}' (Did you mean ${parent.name()} ${unknown}?)`
  }
  return error.message.replace(/^error: (command-argument value )?/, '').replace(/\.$/, '')
}

/** The words of the command that was asked for, as far as there is one: `v4v`, `policy`, `apply`. */
export function askedFor(program: Command, words: readonly string[]): string[] {
  const path = [program.name()]
  let at = program
  for (const word of words) {
    const child = at.commands.find(each => each.name() === word || each.aliases().includes(word))
    if (child === undefined) break
    path.push(child.name())
    at = child
  }
  return path
}

function hasCommand(parent: Command, name: string | undefined): boolean {
  return parent.commands.some(child => child.name() === name)
}
