import type { Answers } from '../answers.js'
import { button } from '../button.js'
import { openDialog } from '../dialog.js'
import { h } from '../dom.js'
import { reasonField } from '../form.js'
import { left, time } from '../format.js'
import { say } from '../notices.js'
import { table } from '../table.js'
import { heading, part, type Context, type Part } from '../view.js'

type PolicySet = Answers['sets']['sets'][number]
type Element = PolicySet['elements'][number]

const POLL_MS = 5_000

/** The sets of the policy, and what is put into them by hand. */
export function sets(context: Context): HTMLElement {
  const { api, signal } = context
  const shown: Part = part(
    signal,
    async () => {
      const { sets: list } = await api.call('sets', { signal })
      if (list.length === 0) return h('p', { class: 'quiet' }, 'The policy has no sets.')
      return h('div', { class: 'cards' }, ...list.map(each => card(context, each, shown)))
    },
    POLL_MS,
  )
  return h(
    'section',
    {},
    heading('Sets'),
    h('p', { class: 'quiet' }, 'What is put in here holds at once, and makes no new revision.'),
    shown.root,
  )
}

function card({ api }: Context, { name, elements }: PolicySet, shown: Part): HTMLElement {
  return h(
    'section',
    { class: 'card' },
    h('h2', {}, `@${name}`),
    table(
      elements,
      [
        { title: 'Element', cell: ({ element }) => h('code', {}, element) },
        { title: 'By', cell: ({ addedBy }) => addedBy ?? 'the policy' },
        { title: 'Since', cell: ({ addedAt }) => time(addedAt) },
        { title: 'Left', cell: ({ expiresAt }) => left(expiresAt) },
        {
          title: '',
          cell: each =>
            each.addedBy !== null &&
            button('Take out', () => takeOut(api, name, each, shown), {
              danger: true,
              needs: [api, 'removeElement'],
            }),
        },
      ],
      'It is empty.',
    ),
    button('Put in', () => putIn(api, name, shown), { needs: [api, 'addElement'] }),
  )
}

function putIn(api: Context['api'], name: string, shown: Part): void {
  openDialog({
    title: `Put into @${name}`,
    fields: [
      {
        name: 'element',
        label: 'Element',
        hint: 'such as web, web:80 or tag:guest',
        required: true,
      },
      { name: 'timeout', label: 'For how long', value: '10m', hint: 'for good if empty' },
      reasonField,
    ],
    submit: 'Put in',
    run: async ({ element, timeout, reason }) => {
      const body = { element, ...(timeout !== '' && { timeout }) }
      const added = await api.call('addElement', { params: { name }, body, reason })
      const until = added.expiresAt === null ? '' : ` until ${time(added.expiresAt)}`
      say(`${added.element} is in ${name}${until}.`)
      await shown.reload()
    },
  })
}

function takeOut(api: Context['api'], name: string, { element }: Element, shown: Part): void {
  openDialog({
    title: `Take ${element} out of @${name}`,
    fields: [reasonField],
    submit: 'Take out',
    danger: true,
    run: async ({ reason }) => {
      await api.call('removeElement', { params: { name, element }, reason })
      say(`${element} is no longer in ${name} by hand.`)
      await shown.reload()
    },
  })
}
