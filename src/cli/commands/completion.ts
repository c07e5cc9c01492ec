import { Argument, type Command } from 'commander'
import { command } from '../command.js'
import { completionLines } from '../completion/candidates.js'
import { positionIn } from '../completion/position.js'
import { completionScript, SHELLS, type Shell } from '../completion/scripts.js'
import { EXIT } from '../fail.js'
import { printLine, printText } from '../output.js'

/** Makes `v4v` with the command that is asked for, or with all. */
type ProgramFor = (args: readonly string[]) => Promise<Command>

const HELP = `
It finishes commands, options and their choices, and the names of domains, sets, rules, revisions and
contexts: those a daemon is asked for, and left out when it does not answer at once.
Put the line for your shell where it reads it at its start: ~/.bashrc, ~/.zshrc behind compinit, or
~/.config/fish/config.fish.`

/** `v4v completion`: lets a shell finish command lines. */
export function completionCommand(): Command {
  return command('completion', 'print a script with which a shell finishes command lines', [
    'v4v completion fish | source',
    'source <(v4v completion bash)',
    'source <(v4v completion zsh)',
  ])
    .addArgument(new Argument('<shell>', 'for which').choices(SHELLS))
    .addHelpText('after', HELP)
    .action((shell: Shell) => {
      printText(completionScript(shell, [process.execPath, process.argv[1] ?? '']))
    })
}

/** `v4v __complete`: what the script asks. */
export function completeCommand(programFor: ProgramFor): Command {
  return command('__complete', 'for the script of "v4v completion"', [
    'v4v __complete -- domain ""',
  ])
    .argument('[words...]', 'behind "v4v"; the last one is to be finished')
    .action(async (words: string[]) => {
      const done = words.slice(0, -1)
      const program = await programFor(done)
      for (const line of await completionLines(positionIn(program, done, words.at(-1) ?? ''))) {
        printLine(line)
      }
      // A request may still wait for its answer.
      process.stdout.write('', () => process.exit(EXIT.ok))
    })
}
