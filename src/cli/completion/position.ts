import type { Argument, Command, Option } from 'commander'

/** Where in a command line a word stands that is not finished, and what may stand there. */
export interface Position {
  /** The words of the command so far, such as `policy` and `apply`. */
  readonly path: readonly string[]
  readonly command: Command
  /** Its arguments so far. */
  readonly args: readonly string[]
  /** The values of options so far, by their names in JavaScript. */
  readonly values: Readonly<Record<string, string>>
  /** Whether the word is the name of an option. */
  readonly isOption: boolean
  /** Whose value the word is, if it is neither an option nor a command. */
  readonly slot: Option | Argument | undefined
  /** The start of the word that is no part of a value: `--output=`. */
  readonly before: string
  /** What is typed of it. */
  readonly word: string
}

/**
 * Reads a command line as commander does.
 * @param words those behind `v4v` that are finished.
 * @param word the one that is not; empty for one that is not begun.
 */
export function positionIn(program: Command, words: readonly string[], word: string): Position {
  const line = new Line(program)
  for (const each of words) line.take(each)
  return line.at(word)
}

class Line {
  readonly #program: Command
  readonly #path: string[] = []
  readonly #args: string[] = []
  readonly #values: Record<string, string> = {}
  #command: Command
  /** The option that takes the next word as its value. */
  #open: Option | undefined
  /** Whether it may also do without. */
  #isSatisfied = false
  /** After `--` there are no options. */
  #isEnded = false

  constructor(program: Command) {
    this.#program = program
    this.#command = program
  }

  take(word: string): void {
    if (this.#open !== undefined && !this.#isSatisfied) this.#takeValue(this.#open, word)
    else if (!this.#isEnded && word === '--') [this.#isEnded, this.#open] = [true, undefined]
    else if (!this.#isEnded && /^-./.test(word)) this.#takeOption(word)
    else if (this.#open !== undefined) this.#takeValue(this.#open, word)
    else this.#takePlain(word)
  }

  at(word: string): Position {
    const place = {
      path: this.#path,
      command: this.#command,
      args: this.#args,
      values: this.#values,
      before: '',
    }
    if (this.#open !== undefined && !this.#isSatisfied) {
      return { ...place, isOption: false, slot: this.#open, word }
    }
    if (!this.#isEnded && word.startsWith('-')) {
      const [name, value] = splitOption(word)
      if (value === undefined) return { ...place, isOption: true, slot: undefined, word }
      const slot = this.#optionOf(name)
      return { ...place, isOption: false, slot, before: `${name}=`, word: value }
    }
    const slot = this.#open ?? this.#argument()
    return { ...place, isOption: false, slot, word }
  }

  #takeOption(word: string): void {
    const [name, value] = splitOption(word)
    const option = this.#optionOf(name)
    this.#open = undefined
    // One that is not known has no value: nor has -ojson, which is two in one.
    if (option === undefined) return
    if (value !== undefined) this.#values[option.attributeName()] = value
    else if (option.required || option.optional) {
      this.#open = option
      this.#isSatisfied = option.optional
    }
  }

  #takeValue(option: Option, word: string): void {
    this.#values[option.attributeName()] = word
    this.#isSatisfied = true
    if (!option.variadic) this.#open = undefined
  }

  #takePlain(word: string): void {
    const child = this.#args.length === 0 ? childOf(this.#command, word) : undefined
    if (child === undefined) {
      this.#args.push(word)
      return
    }
    this.#path.push(child.name())
    this.#command = child
  }

  #optionOf(name: string): Option | undefined {
    const known = [...this.#command.options, ...this.#program.options]
    return known.find(({ long, short }) => name === long || name === short)
  }

  #argument(): Argument | undefined {
    const { registeredArguments: all } = this.#command
    const last = all.at(-1)
    return all[this.#args.length] ?? (last?.variadic === true ? last : undefined)
  }
}

function childOf(command: Command, word: string): Command | undefined {
  return command.commands.find(each => each.name() === word || each.aliases().includes(word))
}

function splitOption(word: string): [name: string, value?: string] {
  const at = word.startsWith('--') ? word.indexOf('=') : -1
  return at < 0 ? [word] : [word.slice(0, at), word.slice(at + 1)]
}
