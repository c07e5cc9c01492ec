import { fill, h, type Child } from './dom.js'
import { isLeft, Problem } from './problem.js'
import { problemBox } from './problem-box.js'

/** Something to be filled in. */
export interface Field {
  readonly name: string
  readonly label: string
  readonly kind?: 'text' | 'number' | 'check' | 'choice' | 'password'
  readonly value?: string | undefined
  /** For a choice. */
  readonly options?: readonly string[]
  readonly hint?: string
  readonly required?: boolean
  /** Known values to pick from, where others are good as well. */
  readonly known?: readonly string[]
}

/** What was filled in: texts without blanks around them, and `true` or nothing for checks. */
export type Values = Readonly<Record<string, string>>

export interface FormOptions {
  readonly fields: readonly Field[]
  readonly submit: string
  readonly danger?: boolean
  readonly inline?: boolean
  /** What is done with the values; what it throws is shown in the form. */
  readonly run: (values: Values) => unknown
  /** Further buttons. */
  readonly more?: readonly Child[]
}

/** The reason that every change is asked for. */
export const reasonField: Field = {
  name: 'reason',
  label: 'Reason',
  hint: 'for the audit log',
}

/** Fields that are put side by side. */
const MANY = 6

let formCount = 0

/** A form that shows what was wrong with it. */
export function form(options: FormOptions): HTMLFormElement {
  const { fields, submit, danger = false, inline = false, run, more = [] } = options
  const id = `form${++formCount}`
  const problem = h('div')
  const inputs = new Map(fields.map(field => [field.name, inputOf(field, id)]))
  const done = h('button', { type: 'submit', class: danger ? 'danger' : 'primary' }, submit)
  const element = h(
    'form',
    { class: inline ? 'inline' : fields.length > MANY ? 'many' : '' },
    ...fields.map(field => labelled(field, inputs.get(field.name)!, id)),
    h('div', { class: 'bar' }, done, ...more),
    problem,
  )
  element.addEventListener('submit', event => {
    event.preventDefault()
    const values = Object.fromEntries([...inputs].map(([name, input]) => [name, valueOf(input)]))
    done.disabled = true
    Promise.resolve()
      .then(() => run(values))
      .then(
        () => fill(problem),
        (error: unknown) => {
          if (!isLeft(error)) fill(problem, problemBox(Problem.of(error)))
        },
      )
      .finally(() => (done.disabled = false))
  })
  return element
}

type Input = HTMLInputElement | HTMLSelectElement

function inputOf(field: Field, id: string): Input {
  const { name, kind = 'text', value = '', options = [], required = false, known } = field
  const common = { name, id: `${id}-${name}`, required, 'aria-describedby': `${id}-${name}-hint` }
  if (kind === 'choice') {
    const choices = options.map(option => h('option', { value: option }, option || '(any)'))
    const select = h('select', common, ...choices)
    if (value !== '') select.value = value
    return select
  }
  if (kind === 'check') return h('input', { ...common, type: 'checkbox', checked: value !== '' })
  return h('input', {
    ...common,
    type: kind,
    value,
    autocomplete: kind === 'password' ? 'current-password' : 'off',
    spellcheck: 'false',
    list: known === undefined ? undefined : `${id}-${name}-known`,
  })
}

function labelled(field: Field, input: Input, id: string): HTMLElement {
  const { name, label, hint, known } = field
  const caption = h('label', { for: input.id }, label)
  return h(
    'div',
    { class: field.kind === 'check' ? 'field check' : 'field' },
    caption,
    input,
    hint !== undefined && h('small', { id: `${id}-${name}-hint` }, hint),
    known !== undefined &&
      h(
        'datalist',
        { id: `${id}-${name}-known` },
        ...known.map(value => h('option', { value }, value)),
      ),
  )
}

function valueOf(input: Input): string {
  if (input instanceof HTMLInputElement && input.type === 'checkbox') {
    return input.checked ? 'true' : ''
  }
  return input.value.trim()
}
