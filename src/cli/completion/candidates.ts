import { setTimeout as sleep } from 'node:timers/promises'
import { Argument, type Command, type Option } from 'commander'
import { printable } from '../printable.js'
import { namesAt, type Candidate } from './names.js'
import type { Position } from './position.js'

/** How long a daemon may take to say its names. */
const NAMES_MS_MAX = 700
const LISTED_MAX = 500
const ABOUT_CHARS_MAX = 60

/** Only what no shell reads as anything but itself: names may come from a daemon of others. */
const SAFE = /^[A-Za-z0-9@%+=:,./_-]+$/

/** The line that stands for the names of files. */
const FILES = ':files'

/**
 * How the word at a position can be finished, a line each: the whole word, a tab, what it means.
 * A daemon that does not answer in time has no names; nothing is ever an error.
 */
export async function completionLines(position: Position): Promise<string[]> {
  const { before, word } = position
  const candidates = await candidatesAt(position)
  const lines = candidates
    .filter(({ value }) => value.startsWith(word) && value !== '' && SAFE.test(value))
    .slice(0, LISTED_MAX)
    .map(({ value, about }) => `${before}${value}\t${shortened(about)}`)
  return isFile(position.slot) ? [...lines, FILES] : lines
}

async function candidatesAt(position: Position): Promise<readonly Candidate[]> {
  const { command, args, slot, isOption } = position
  if (isOption) return optionsOf(command)
  if (slot === undefined) return args.length === 0 ? commandsOf(command) : []
  const choices = slot.argChoices ?? []
  if (choices.length > 0) return choices.map(value => ({ value, about: '' }))
  const names = namesAt(position).catch(() => [])
  return Promise.race([names, sleep(NAMES_MS_MAX, [], { ref: false })])
}

function optionsOf(command: Command): Candidate[] {
  return command
    .createHelp()
    .visibleOptions(command)
    .map(({ long, short, description }) => ({ value: long ?? short ?? '', about: description }))
}

function commandsOf(command: Command): Candidate[] {
  return command
    .createHelp()
    .visibleCommands(command)
    .map(child => ({ value: child.name(), about: child.description() }))
}

/** Whether the value is a path: its placeholder or, of an argument, its description says so. */
function isFile(slot: Option | Argument | undefined): boolean {
  if (slot === undefined) return false
  const said = slot instanceof Argument ? `${slot.name()} ${slot.description}` : slot.flags
  return /\b(files?|folders?|dir|path)\b/.test(said)
}

function shortened(about: string): string {
  const text = printable(about)
  return text.length <= ABOUT_CHARS_MAX ? text : `${text.slice(0, ABOUT_CHARS_MAX - 1)}…`
}
