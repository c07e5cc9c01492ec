import { admitFor } from '../admit.js'
import { h, fill } from '../dom.js'
import { explanation } from '../explanation.js'
import { form, type Values } from '../form.js'
import { ports } from '../format.js'
import { badge, table } from '../table.js'
import type { Answers } from '../answers.js'
import { heading, type Context } from '../view.js'

type Reach = Answers['graph']['reach'][number]

/** Questions about who may talk to whom. */
export function explain(context: Context): HTMLElement {
  return h(
    'section',
    {},
    heading('Explain'),
    h('div', { class: 'columns' }, datagram(context), reachOf(context)),
  )
}

function datagram({ api, query, signal, changed }: Context): HTMLElement {
  const answer = h('div', { 'aria-live': 'polite' })
  const ask = async (values: Values): Promise<void> => {
    const { from = '', to = '', type, size, revision } = values
    const body = {
      from,
      to,
      type,
      ...(size !== '' && { size: Number(size) }),
      ...(revision !== '' && { revision: Number(revision) }),
    }
    const explained = await api.call('explain', { body, signal })
    fill(answer, explanation(explained))
    const isRefused = ['reject', 'drop', 'ask'].includes(explained.action)
    if (!isRefused || revision !== '') return
    const again = (): Promise<void> => {
      changed()
      return ask(values)
    }
    answer.append(await admitFor(api, { from, to, explained }, again))
  }
  const asked = form({
    fields: [
      {
        name: 'from',
        label: 'From',
        value: query.get('from') ?? '',
        hint: 'such as web:40000',
        required: true,
      },
      {
        name: 'to',
        label: 'To',
        value: query.get('to') ?? '',
        hint: 'such as db:5432',
        required: true,
      },
      {
        name: 'type',
        label: 'Type',
        kind: 'choice',
        options: ['dgram', 'stream'],
        value: query.get('type') ?? 'dgram',
      },
      { name: 'size', label: 'Bytes', kind: 'number', hint: 'for rules with max_bytes' },
      {
        name: 'revision',
        label: 'Revision',
        kind: 'number',
        value: query.get('revision') ?? '',
        hint: 'the one in force if empty',
      },
    ],
    submit: 'Explain',
    run: ask,
  })
  // A form is submitted only once it is in the page.
  if (query.has('from') && query.has('to')) queueMicrotask(() => asked.requestSubmit())
  return h('section', { class: 'card' }, h('h2', {}, 'What becomes of a datagram?'), asked, answer)
}

function reachOf({ api, signal }: Context): HTMLElement {
  const answer = h('div', { 'aria-live': 'polite' })
  const asked = form({
    fields: [
      {
        name: 'way',
        label: 'Question',
        kind: 'choice',
        options: ['who can send to', 'what can be sent to by'],
      },
      {
        name: 'domain',
        label: 'Domain',
        hint: 'such as db, db:5432 or tag:web',
        required: true,
      },
      { name: 'revision', label: 'Revision', kind: 'number', hint: 'the one in force if empty' },
    ],
    submit: 'Ask',
    run: async ({ way, domain, revision }) => {
      const call = way === 'who can send to' ? 'whoCan' : 'whatCan'
      const { reach } = await api.call(call, { query: { domain, revision }, signal })
      fill(answer, reachTable(reach))
    },
  })
  return h('section', { class: 'card' }, h('h2', {}, 'Who can talk to whom?'), asked, answer)
}

/** Who reaches whom, on which ports and by which rule. */
export function reachTable(reach: readonly Reach[]): HTMLElement {
  return table(
    reach,
    [
      { title: 'From', cell: r => `${r.from.join(', ')}:${ports(r.sourcePorts)}` },
      { title: 'To', cell: r => `${r.to.join(', ')}:${ports(r.destinationPorts)}` },
      { title: 'Type', cell: r => r.type },
      { title: 'Action', cell: r => badge(r.action) },
      { title: 'Rule', cell: r => r.rule },
    ],
    'nobody',
  )
}
