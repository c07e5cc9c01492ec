import { h, type Child } from './dom.js'

/** Something to be said of a place in the text. */
export interface Mark {
  /** Counted from 1, like columns. */
  readonly line: number
  readonly column?: number | undefined
  readonly severity: 'error' | 'warning' | 'note'
  readonly message: string
}

/**
 * A text with line numbers, and with what is wrong written behind the lines where it is. A copy of
 * the text lies under the field that is typed in; it is invisible but for the marks.
 */
export class Editor {
  readonly root: HTMLElement
  readonly #field: HTMLTextAreaElement
  readonly #numbers = h('pre', { class: 'numbers', 'aria-hidden': 'true' })
  readonly #under = h('pre', { class: 'under', 'aria-hidden': 'true' })
  #marks: readonly Mark[] = []

  /** @param onInput is told of what is typed. */
  constructor(label: string, onInput: (text: string) => void, describedBy: string) {
    this.#field = h('textarea', {
      'aria-label': label,
      'aria-describedby': describedBy,
      spellcheck: 'false',
      autocomplete: 'off',
      autocapitalize: 'off',
      wrap: 'off',
    })
    this.#field.addEventListener('input', () => {
      this.#marks = []
      this.#draw()
      onInput(this.#field.value)
    })
    const sheet = h('div', { class: 'sheet' }, this.#under, this.#field)
    this.root = h('div', { class: 'editor' }, this.#numbers, sheet)
  }

  show(text: string, marks: readonly Mark[]): void {
    if (this.#field.value !== text) this.#field.value = text
    this.#marks = marks
    this.#field.setAttribute(
      'aria-invalid',
      String(marks.some(({ severity }) => severity === 'error')),
    )
    this.#draw()
  }

  set isReadOnly(value: boolean) {
    this.#field.readOnly = value
  }

  /** Puts the caret at a place. */
  goTo(line: number, column = 1): void {
    const lines = this.#field.value.split('\n')
    const start = lines.slice(0, line - 1).reduce((sum, each) => sum + each.length + 1, 0)
    const at = start + Math.min(column - 1, lines[line - 1]?.length ?? 0)
    this.#field.focus()
    this.#field.setSelectionRange(at, at)
    this.root.scrollTop = (this.root.scrollHeight / lines.length) * Math.max(line - 6, 0)
  }

  #draw(): void {
    const byLine = marksByLine(this.#marks)
    const numbers: Child[] = []
    const under: Child[] = []
    for (const [index, text] of this.#field.value.split('\n').entries()) {
      const marks = byLine.get(index + 1)
      if (marks === undefined) {
        numbers.push(`${index + 1}\n`)
        under.push(`${text}\n`)
        continue
      }
      const { severity } = worst(marks)
      numbers.push(h('span', { class: severity }, `${index + 1}`), '\n')
      under.push(...marked(text, marks), '\n')
    }
    this.#numbers.replaceChildren(...joined(numbers))
    this.#under.replaceChildren(...joined(under))
  }
}

const ORDER = ['error', 'warning', 'note'] as const

function worst(marks: readonly Mark[]): Mark {
  return marks.toSorted((a, b) => ORDER.indexOf(a.severity) - ORDER.indexOf(b.severity))[0]!
}

function marked(text: string, marks: readonly Mark[]): Child[] {
  const { severity, column } = worst(marks)
  const from = Math.min((column ?? 1) - 1, text.length)
  const word = column === undefined ? text : (/^\S*/.exec(text.slice(from))?.[0] ?? '')
  const said = marks.map(({ message }) => message).join('; ')
  return [
    text.slice(0, from),
    h('mark', { class: severity }, word || ' '),
    text.slice(from + word.length),
    h('span', { class: `said ${severity}` }, `  ${said}`),
  ]
}

/** Lines without marks as one text: a file may have thousands. */
function joined(children: readonly Child[]): (Node | string)[] {
  const parts: (Node | string)[] = []
  let text = ''
  for (const child of children) {
    if (child instanceof Node) {
      parts.push(text, child)
      text = ''
    } else {
      text += String(child)
    }
  }
  return [...parts, text]
}

function marksByLine(marks: readonly Mark[]): Map<number, Mark[]> {
  const byLine = new Map<number, Mark[]>()
  for (const mark of marks) byLine.set(mark.line, [...(byLine.get(mark.line) ?? []), mark])
  return byLine
}
