/** A line of a text, with what ends it; it stays what it is when others come and go around it. */
export interface Line {
  text: string
  /** Counted from 1; as it was when lines were counted last. */
  number: number
  before: Line
  after: Line
}

/** A text as lines of which any can be taken out, and others put in front of any. */
export class LineList {
  /** Behind the last line and in front of the first: no line itself, and without text. */
  readonly end: Line
  readonly #first: readonly Line[]

  constructor(text: string) {
    const end = { text: '', number: 0 } as Line
    end.before = end
    end.after = end
    this.end = end
    this.#first = this.insert(end, text)
    this.count()
  }

  /** The line that had this number first; undefined when there was none. */
  at(number: number): Line | undefined {
    return this.#first[number - 1]
  }

  /** Puts lines in front of a line. */
  insert(at: Line, text: string): readonly Line[] {
    return linesOf(text).map(each => {
      const line = { text: each, number: 0, before: at.before, after: at }
      at.before.after = line
      at.before = line
      return line
    })
  }

  /** Takes out lines, up to the one in front of `to`. */
  remove(from: Line, to: Line): void {
    from.before.after = to
    to.before = from.before
  }

  /** The text of lines, up to the one in front of `to`. */
  text(from: Line = this.end.after, to: Line = this.end): string {
    const texts: string[] = []
    for (let line = from; line !== to; line = line.after) texts.push(line.text)
    return texts.join('')
  }

  /** Gives every line the number that it has by now. */
  count(): void {
    let number = 0
    for (let line = this.end.after; line !== this.end; line = line.after) line.number = ++number
  }
}

/** A text's lines, each with what ends it. */
function linesOf(text: string): readonly string[] {
  return text === '' ? [] : text.split(/(?<=\n)(?=[^])/)
}
