import { h, type Child } from './dom.js'
import { form, type Field, type Values } from './form.js'

export interface DialogOptions {
  readonly title: string
  readonly text?: Child
  readonly fields?: readonly Field[]
  readonly submit: string
  readonly danger?: boolean
  /** What is done; the dialog stays open, and says why, when it fails. */
  readonly run: (values: Values) => unknown
}

/** Asks for what a change needs, and makes it. */
export function openDialog(options: DialogOptions): void {
  const { title, text, fields = [], submit, danger = false, run } = options
  const cancel = h('button', { type: 'button' }, 'Cancel')
  const dialog = h(
    'dialog',
    { 'aria-label': title },
    h('h2', {}, title),
    text !== undefined && h('p', {}, text),
    form({
      fields,
      submit,
      danger,
      more: [cancel],
      run: async values => {
        await run(values)
        dialog.close()
      },
    }),
  )
  cancel.addEventListener('click', () => dialog.close())
  dialog.addEventListener('close', () => dialog.remove())
  document.body.append(dialog)
  dialog.showModal()
  dialog.querySelector<HTMLElement>('input, select, button')?.focus()
}

/** Shows something that is to be read, or kept elsewhere, before it is put away. */
export function openText(title: string, text: string, value: string): void {
  const field = h('textarea', { readonly: true, rows: 2, 'aria-label': title }, value)
  openDialog({
    title,
    text: h('span', {}, text, field),
    submit: 'I have kept it',
    run: () => undefined,
  })
  field.focus()
  field.select()
}
