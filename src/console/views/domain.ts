import type { Answers } from '../answers.js'
import { button } from '../button.js'
import { openDialog, openText } from '../dialog.js'
import { h } from '../dom.js'
import { changeTags, kick, quarantine, release, remove } from '../domain-actions.js'
import { form, reasonField } from '../form.js'
import { bytes, count, time } from '../format.js'
import { ringTable, sessionTable } from '../live-tables.js'
import { badge, bar, facts } from '../table.js'
import { tokenTable, validFields, validUntil } from '../token-table.js'
import { heading, linkTo, part, type Context, type Part } from '../view.js'

const POLL_MS = 3_000

/** One domain: what it has, what it did, and its tokens. */
export function domain(context: Context): HTMLElement {
  const { api, signal, query } = context
  const name = query.get('name') ?? ''
  if (name === '') return chooser()
  const shown: Part = part(
    signal,
    async () => {
      const [it, { rings }, { sessions }] = await Promise.all([
        api.call('domain', { params: { name }, signal }),
        api.call('rings', { query: { domain: name }, signal }),
        api.call('sessions', { query: { domain: name }, signal }),
      ])
      return h(
        'div',
        {},
        actions(context, it, () => shown.reload()),
        about(it),
        h('h2', {}, 'Sessions'),
        sessionTable(sessions),
        h('h2', {}, 'Rings'),
        ringTable(rings),
      )
    },
    POLL_MS,
  )
  const tokens: Part = part(signal, async () => {
    const { tokens: list } = await api.call('domainTokens', { params: { name }, signal })
    return tokenTable(context, list, () => tokens.reload())
  })
  return h(
    'section',
    {},
    heading(`Domain ${name}`),
    shown.root,
    h(
      'div',
      { class: 'heading' },
      h('h2', {}, 'Tokens'),
      button('Issue a token', () => issue(context, name, tokens), {
        needs: [api, 'issueDomainToken'],
      }),
    ),
    tokens.root,
  )
}

function chooser(): HTMLElement {
  const run = ({ name = '' }): void => {
    location.hash = linkTo('domain', { name })
  }
  const fields = [{ name: 'name', label: 'Name', required: true }]
  return h('section', {}, heading('Domain'), form({ fields, submit: 'Show', inline: true, run }))
}

function actions({ api }: Context, it: Answers['domain'], reload: () => unknown): HTMLElement {
  const gone = (): void => {
    location.hash = linkTo('domains')
  }
  return bar(
    button('Tags', () => changeTags(api, it, reload), { needs: [api, 'changeDomain'] }),
    button('Kick', () => kick(api, it, reload), { needs: [api, 'kickDomain'] }),
    it.enabled
      ? button('Quarantine', () => quarantine(api, it, reload), {
          danger: true,
          needs: [api, 'changeDomain'],
        })
      : button('Release', () => release(api, it, reload), { needs: [api, 'changeDomain'] }),
    button('Remove', () => remove(api, it, gone), { danger: true, needs: [api, 'removeDomain'] }),
    h('a', { href: linkTo('flows', { source: it.name }) }, 'flows from it'),
    h('a', { href: linkTo('flows', { destination: it.name }) }, 'flows to it'),
  )
}

function about({
  id,
  enabled,
  tags,
  createdAt,
  ringBytes,
  counters,
}: Answers['domain']): HTMLElement {
  return facts([
    ['State', badge(enabled ? 'enabled' : 'quarantined')],
    ['Number', String(id)],
    ['Tags', tags.join(', ') || '-'],
    ['Made', time(createdAt)],
    ['Ring memory', bytes(ringBytes)],
    ['Sent', `${count(counters.datagramsSent)}, ${bytes(counters.bytesSent)}`],
    ['Received', `${count(counters.datagramsReceived)}, ${bytes(counters.bytesReceived)}`],
    ['Refused', count(counters.datagramsRefused)],
    ['Dropped', count(counters.datagramsDropped)],
  ])
}

function issue({ api }: Context, name: string, tokens: Part): void {
  openDialog({
    title: `Issue a token for ${name}`,
    fields: [...validFields, reasonField],
    submit: 'Issue',
    run: async values => {
      const { text, token } = await api.call('issueDomainToken', {
        params: { name },
        body: validUntil(values),
        reason: values['reason'],
      })
      await tokens.reload()
      openText(`Token ${token.id} of ${name}`, 'It is shown this once and kept nowhere.', text)
    },
  })
}
