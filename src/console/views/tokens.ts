import { button } from '../button.js'
import { openDialog, openText } from '../dialog.js'
import { h } from '../dom.js'
import { ROLES } from '../endpoints.js'
import { reasonField } from '../form.js'
import { tokenTable, validFields, validUntil } from '../token-table.js'
import { heading, linkTo, part, type Context, type Part } from '../view.js'

/** The tokens of admins. */
export function tokens(context: Context): HTMLElement {
  const { api, signal } = context
  const shown: Part = part(signal, async () => {
    const { tokens: list } = await api.call('tokens', { signal })
    return tokenTable(context, list, () => shown.reload())
  })
  const issue = button('Issue a token', () => issueToken(context, shown), {
    primary: true,
    needs: [api, 'issueToken'],
  })
  return h(
    'section',
    {},
    heading('Tokens of admins', issue),
    h(
      'p',
      { class: 'quiet' },
      'Those of a domain are with ',
      h('a', { href: linkTo('domains') }, 'the domain'),
      '.',
    ),
    shown.root,
  )
}

function issueToken({ api }: Context, shown: Part): void {
  openDialog({
    title: 'Issue a token for an admin',
    fields: [
      { name: 'role', label: 'Role', kind: 'choice', options: ROLES, value: 'viewer' },
      ...validFields,
      reasonField,
    ],
    submit: 'Issue',
    run: async values => {
      const { role, reason } = values
      const body = { role, ...validUntil(values) }
      const { text, token } = await api.call('issueToken', { body, reason })
      await shown.reload()
      openText(`Token ${token.id}, ${role}`, 'It is shown this once and kept nowhere.', text)
    },
  })
}
