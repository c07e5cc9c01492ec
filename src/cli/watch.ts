import { setTimeout as sleep } from 'node:timers/promises'
import { InvalidArgumentError, Option, type Command } from 'commander'
import type { OutputOptions } from './command.js'
import { printLine } from './output.js'

interface WatchOptions extends OutputOptions {
  /** Seconds. */
  readonly watch?: number
}

const SECONDS = '2'
const SECONDS_MIN = 0.1
const SECONDS_MAX = 86_400
/** The cursor to the corner, and what is on the screen away. */
const CLEAR = '\u001b[H\u001b[2J'

/** Adds `--watch` to a command that lists; its action must be `watched`. */
export function withWatch(target: Command): Command {
  return target.addOption(
    new Option('--watch [seconds]', `print it again after so many seconds; ${SECONDS} if left out`)
      .preset(SECONDS)
      .argParser(parseSeconds),
  )
}

/**
 * An action that is done once, or with `--watch` again and again until it fails or is killed. A
 * terminal shows the latest listing alone; elsewhere one follows the other: tables behind an empty
 * line, YAML as documents.
 */
export function watched<Args extends unknown[]>(
  action: (...args: Args) => Promise<void>,
): (...args: Args) => Promise<void> {
  return async (...args) => {
    // commander hands the command itself behind all that the action asked for.
    const { watch, output } = (args.at(-1) as Command).opts<WatchOptions>()
    if (watch === undefined) {
      await action(...args)
      return
    }
    for (let isFirst = true; ; isFirst = false) {
      if (process.stdout.isTTY) clearScreen()
      else if (output === 'yaml') printLine('---')
      else if (output === 'table' && !isFirst) printLine('')
      await action(...args)
      await sleep(watch * 1000)
    }
  }
}

/** Of a terminal. */
export function clearScreen(): void {
  process.stdout.write(CLEAR)
}

function parseSeconds(text: string): number {
  const seconds = /^[0-9]+(\.[0-9]+)?$/.test(text) ? Number(text) : 0
  if (seconds >= SECONDS_MIN && seconds <= SECONDS_MAX) return seconds
  throw new InvalidArgumentError(`it must be a number of seconds from ${SECONDS_MIN} up.`)
}
