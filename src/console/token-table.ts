import type { Api } from './api.js'
import { button, type ButtonOptions } from './button.js'
import { openDialog, openText } from './dialog.js'
import { reasonField, type Field, type Values } from './form.js'
import { ago, time } from './format.js'
import { say } from './notices.js'
import { Problem } from './problem.js'
import type { Token } from './session.js'
import { badge, bar, table } from './table.js'
import type { Context } from './view.js'

/** What a token is for, and how long it is good. */
export const validFields: readonly Field[] = [
  { name: 'label', label: 'What it is for' },
  { name: 'days', label: 'Days it is good for', kind: 'number', hint: 'for good if empty' },
]

const DAY_MS = 86_400_000

/** The same as a request says it. */
export function validUntil({ label, days }: Values): object {
  if (days !== '' && !(Number(days) > 0)) {
    throw new Problem(0, 'EINVAL', `${days} is no number of days`)
  }
  return {
    ...(label !== '' && { label }),
    ...(days !== '' && { expiresAt: Math.round(Date.now() + Number(days) * DAY_MS) }),
  }
}

/** Tokens, of a domain or of admins, without their secrets. */
export function tokenTable(
  { api }: Context,
  tokens: readonly Token[],
  reload: () => unknown,
): HTMLElement {
  return table(
    tokens,
    [
      { title: 'Token', number: true, cell: token => token.id },
      { title: 'For', cell: token => token.role ?? token.domain },
      { title: 'Label', cell: token => token.label },
      { title: 'State', cell: token => badge(stateOf(token)) },
      { title: 'Made', cell: token => time(token.createdAt) },
      { title: 'Expires', cell: token => time(token.expiresAt) },
      { title: 'Last used', cell: token => ago(token.lastUsedAt) },
      {
        title: '',
        cell: token =>
          token.revokedAt === null &&
          bar(
            button('Rotate', () => rotate(api, token, reload), needsFor(api, token, 'rotateToken')),
            button('Revoke', () => revoke(api, token, reload), {
              danger: true,
              ...needsFor(api, token, 'revokeToken'),
            }),
          ),
      },
    ],
    'There are none.',
  )
}

/** Tokens of admins are root's, like making them. */
function needsFor(
  api: Api,
  { kind }: Token,
  call: 'rotateToken' | 'revokeToken',
): Pick<ButtonOptions, 'needs'> {
  return { needs: [api, kind === 'admin' ? 'issueToken' : call] }
}

function stateOf({ revokedAt, expiresAt }: Token): string {
  if (revokedAt !== null) return 'revoked'
  return expiresAt !== null && expiresAt <= Date.now() ? 'expired' : 'valid'
}

function rotate(api: Api, { id }: Token, reload: () => unknown): void {
  openDialog({
    title: `Rotate token ${id}`,
    text: 'A new one is made in its place.',
    fields: [
      {
        name: 'overlap',
        label: 'The old one goes on for',
        value: '1h',
        hint: 'not at all if empty',
      },
      reasonField,
    ],
    submit: 'Rotate',
    run: async ({ overlap, reason }) => {
      const body = overlap === '' ? {} : { overlap }
      const { text, token } = await api.call('rotateToken', { params: { id }, body, reason })
      await reload()
      openText(`Token ${token.id}`, 'It is shown this once and kept nowhere.', text)
    },
  })
}

function revoke(api: Api, { id }: Token, reload: () => unknown): void {
  openDialog({
    title: `Revoke token ${id}`,
    text: 'The sessions that it let in end.',
    fields: [reasonField],
    submit: 'Revoke',
    danger: true,
    run: async ({ reason }) => {
      await api.call('revokeToken', { params: { id }, reason })
      say(`Token ${id} is revoked.`)
      await reload()
    },
  })
}
