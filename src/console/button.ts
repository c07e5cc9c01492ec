import type { Api } from './api.js'
import { h } from './dom.js'
import { endpoints, type Call } from './endpoints.js'
import { complain } from './notices.js'

export interface ButtonOptions {
  readonly title?: string
  /** For what takes something away. */
  readonly danger?: boolean
  readonly primary?: boolean
  /** What the daemon will be asked for: who may not is told so, and can't press it. */
  readonly needs?: readonly [api: Api, call: Call]
}

/** A button that does something once at a time, and says when it fails. */
export function button(
  text: string,
  act: () => unknown,
  { title, danger = false, primary = false, needs }: ButtonOptions = {},
): HTMLButtonElement {
  const isAllowed = needs === undefined || needs[0].may(needs[1])
  const element = h(
    'button',
    {
      type: 'button',
      class: [danger && 'danger', primary && 'primary'].filter(Boolean).join(' '),
      disabled: !isAllowed,
      title: isAllowed ? title : `this needs the role ${endpoints[needs[1]].role}`,
    },
    text,
  )
  element.addEventListener('click', () => {
    element.disabled = true
    Promise.resolve()
      .then(act)
      .catch(complain)
      .finally(() => (element.disabled = false))
  })
  return element
}
