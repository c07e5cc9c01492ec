import type { Answers } from '../answers.js'
import { button } from '../button.js'
import { openDialog } from '../dialog.js'
import { h } from '../dom.js'
import { reasonField } from '../form.js'
import { say } from '../notices.js'
import { badge, bar, table } from '../table.js'
import { heading, linkTo, part, type Context, type Part } from '../view.js'

/** Who is in audit mode. */
export function auditMode(context: Context): HTMLElement {
  const { api, signal } = context
  const shown: Part = part(signal, async () => {
    const [mode, { domains }] = await Promise.all([
      api.call('auditMode', { signal }),
      api.call('domains', { signal }),
    ])
    return modes(
      context,
      mode,
      domains.map(({ name }) => name),
      () => shown.reload(),
    )
  })
  return h(
    'section',
    {},
    heading('Audit mode'),
    h(
      'p',
      {},
      'What policy would refuse is delivered and recorded as ',
      h('a', { href: linkTo('flows', { verdict: 'audit' }) }, badge('audit')),
      ': of all domains, or from and to some.',
    ),
    shown.root,
  )
}

function modes(
  { api }: Context,
  { all, domains: on }: Answers['auditMode'],
  names: readonly string[],
  reload: () => unknown,
): HTMLElement {
  const turn = (name: string | undefined, isOn: boolean): HTMLElement =>
    button(isOn ? 'Switch off' : 'Switch on', () => set(api, name, !isOn, reload), {
      danger: !isOn,
      needs: [api, 'setAuditMode'],
    })
  const known = [...new Set([...on, ...names])].toSorted()
  return h(
    'div',
    {},
    h(
      'div',
      { class: 'card' },
      bar('All domains', badge(all ? 'on' : 'off'), turn(undefined, all)),
    ),
    table(
      known.map(name => ({ name, isOn: on.includes(name) })),
      [
        { title: 'Domain', cell: ({ name }) => name },
        { title: 'Audit mode', cell: ({ isOn }) => badge(isOn ? 'on' : 'off') },
        { title: '', cell: ({ name, isOn }) => turn(name, isOn) },
      ],
      'There are no domains.',
    ),
  )
}

function set(
  api: Context['api'],
  domain: string | undefined,
  on: boolean,
  reload: () => unknown,
): void {
  const who = domain ?? 'all domains'
  openDialog({
    title: `Audit mode of ${who}: ${on ? 'on' : 'off'}`,
    text: on ? 'What policy would refuse of them is delivered from now on.' : undefined,
    fields: [reasonField],
    submit: on ? 'Switch on' : 'Switch off',
    danger: on,
    run: async ({ reason }) => {
      const body = { on, ...(domain !== undefined && { domain }) }
      await api.call('setAuditMode', { body, reason })
      say(`Audit mode of ${who} is ${on ? 'on' : 'off'}.`)
      await reload()
    },
  })
}
