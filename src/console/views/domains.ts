import type { Answers } from '../answers.js'
import { button } from '../button.js'
import { openDialog } from '../dialog.js'
import { h } from '../dom.js'
import { changeTags, kick, quarantine, release, remove } from '../domain-actions.js'
import { reasonField } from '../form.js'
import { bytes, count } from '../format.js'
import { say } from '../notices.js'
import { badge, bar, table } from '../table.js'
import { heading, linkTo, part, type Context, type Part } from '../view.js'

type Domain = Answers['domain']

const POLL_MS = 5_000

/** All domains. */
export function domains(context: Context): HTMLElement {
  const { api, signal } = context
  const shown: Part = part(
    signal,
    async () => {
      const { domains: list } = await api.call('domains', { signal })
      return domainTable(context, list, () => shown.reload())
    },
    POLL_MS,
  )
  const add = button('Add a domain', () => addDomain(api, shown), {
    primary: true,
    needs: [api, 'addDomain'],
  })
  return h('section', {}, heading('Domains', add), shown.root)
}

function domainTable(
  { api }: Context,
  list: readonly Domain[],
  reload: () => unknown,
): HTMLElement {
  return table(
    list,
    [
      {
        title: 'Domain',
        cell: ({ name }) => h('a', { href: linkTo('domain', { name }) }, h('strong', {}, name)),
      },
      { title: 'State', cell: ({ enabled }) => badge(enabled ? 'enabled' : 'quarantined') },
      { title: 'Tags', cell: ({ tags }) => tags.join(', ') },
      { title: 'Sessions', number: true, cell: each => count(each.sessions) },
      { title: 'Rings', number: true, cell: each => count(each.rings) },
      { title: 'Memory', number: true, cell: each => bytes(each.ringBytes) },
      { title: 'Sent', number: true, cell: ({ counters }) => count(counters.datagramsSent) },
      {
        title: 'Received',
        number: true,
        cell: ({ counters }) => count(counters.datagramsReceived),
      },
      { title: 'Refused', number: true, cell: ({ counters }) => count(counters.datagramsRefused) },
      {
        title: '',
        cell: each =>
          bar(
            button('Tags', () => changeTags(api, each, reload), { needs: [api, 'changeDomain'] }),
            button('Kick', () => kick(api, each, reload), { needs: [api, 'kickDomain'] }),
            each.enabled
              ? button('Quarantine', () => quarantine(api, each, reload), {
                  danger: true,
                  needs: [api, 'changeDomain'],
                })
              : button('Release', () => release(api, each, reload), {
                  needs: [api, 'changeDomain'],
                }),
            button('Remove', () => remove(api, each, reload), {
              danger: true,
              needs: [api, 'removeDomain'],
            }),
          ),
      },
    ],
    'There are no domains yet.',
  )
}

function addDomain(api: Context['api'], shown: Part): void {
  openDialog({
    title: 'Add a domain',
    fields: [
      { name: 'name', label: 'Name', required: true },
      { name: 'tags', label: 'Tags', hint: 'with blanks between them' },
      reasonField,
    ],
    submit: 'Add',
    run: async ({ name, tags = '', reason }) => {
      const body = { name, tags: tags.split(/[\s,]+/).filter(Boolean) }
      const { domain } = await api.call('addDomain', { body, reason })
      say(`The domain ${domain.name} is there.`)
      await shown.reload()
    },
  })
}
