import type { Answers } from '../answers.js'
import { button } from '../button.js'
import { openDialog } from '../dialog.js'
import { fill, h } from '../dom.js'
import { follow, pause } from '../events.js'
import { reasonField } from '../form.js'
import { count, left, time } from '../format.js'
import { say } from '../notices.js'
import { problemBox } from '../problem-box.js'
import { bar, table } from '../table.js'
import { heading, type Context } from '../view.js'

type AskList = Answers['asks']
type Ask = AskList['asks'][number]
type Grant = AskList['grants'][number]

const TICK_MS = 1_000

/** Flows that wait for an operator, and those that one has admitted. */
export function asks(context: Context): HTMLElement {
  const { api, signal } = context
  const problem = h('div')
  const shown = h('div', {}, h('p', { class: 'quiet' }, 'loading …'))
  let list: AskList | undefined
  const draw = (): void => {
    if (list !== undefined) fill(shown, waiting(context, list.asks), granted(context, list.grants))
  }
  void follow(api, 'asks', {
    input: { query: { follow: 'true' } },
    signal,
    onEvent: ({ data }) => {
      list = JSON.parse(data) as AskList
      draw()
    },
    onState: state => fill(problem, state && problemBox(state)),
  })
  const keepTime = async (): Promise<void> => {
    for (await pause(TICK_MS, signal); !signal.aborted; await pause(TICK_MS, signal)) draw()
  }
  void keepTime()
  return h('section', {}, heading('Asks'), problem, shown)
}

function waiting({ api }: Context, list: readonly Ask[]): HTMLElement {
  return h(
    'section',
    {},
    h('h2', {}, 'Waiting'),
    table(
      list,
      [
        { title: 'Ask', cell: ask => String(ask.id) },
        { title: 'From', cell: ask => ask.source },
        { title: 'To', cell: ask => ask.destination },
        { title: 'Type', cell: ask => ask.type },
        { title: 'Rule', cell: ask => ask.rule },
        { title: 'Left', cell: ask => left(ask.deadline) },
        { title: 'Datagrams', number: true, cell: ask => count(ask.datagrams) },
        {
          title: '',
          cell: ask =>
            bar(
              button('Grant', () => grant(api, ask), { primary: true, needs: [api, 'grantAsk'] }),
              button('Deny', () => deny(api, ask), { danger: true, needs: [api, 'denyAsk'] }),
            ),
        },
      ],
      'Nothing waits.',
    ),
  )
}

function granted({ api }: Context, list: readonly Grant[]): HTMLElement {
  return h(
    'section',
    {},
    h('h2', {}, 'Granted'),
    table(
      list,
      [
        { title: 'Grant', cell: each => String(each.id) },
        { title: 'From', cell: each => each.source },
        { title: 'To', cell: each => each.destination },
        { title: 'Type', cell: each => each.type },
        { title: 'By', cell: each => each.by },
        { title: 'Until', cell: each => time(each.expires) },
        { title: 'Datagrams', number: true, cell: each => count(each.datagrams) },
        {
          title: '',
          cell: each =>
            button('Revoke', () => revoke(api, each), {
              danger: true,
              needs: [api, 'revokeGrant'],
            }),
        },
      ],
      'Nothing was granted.',
    ),
  )
}

function grant(api: Context['api'], { id, source, destination }: Ask): void {
  openDialog({
    title: `Grant ${source} → ${destination}`,
    fields: [
      { name: 'lifetime', label: 'For how long', value: '10m', required: true },
      { name: 'anyPort', label: 'From whatever port of the domain', kind: 'check' },
      reasonField,
    ],
    submit: 'Grant',
    run: async ({ lifetime, anyPort, reason }) => {
      const body = { for: lifetime, anyPort: anyPort === 'true' }
      const { grant: made } = await api.call('grantAsk', { params: { id }, body, reason })
      say(`${made.source} may send to ${made.destination} until ${time(made.expires)}.`)
    },
  })
}

function deny(api: Context['api'], { id, source, destination }: Ask): void {
  openDialog({
    title: `Deny ${source} → ${destination}`,
    fields: [reasonField],
    submit: 'Deny',
    danger: true,
    run: async ({ reason }) => {
      await api.call('denyAsk', { params: { id }, body: {}, reason })
      say(`${source} was denied to send to ${destination}.`)
    },
  })
}

function revoke(api: Context['api'], { id, source, destination }: Grant): void {
  openDialog({
    title: `Revoke ${source} → ${destination}`,
    text: 'What comes from now on is asked about again.',
    fields: [reasonField],
    submit: 'Revoke',
    danger: true,
    run: async ({ reason }) => {
      await api.call('revokeGrant', { params: { id }, reason })
      say(`${source} may no longer send to ${destination}.`)
    },
  })
}
