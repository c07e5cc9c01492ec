import type { Answers } from '../answers.js'
import { button } from '../button.js'
import { fill, h } from '../dom.js'
import { count, time } from '../format.js'
import { badge, table } from '../table.js'
import { heading, linkTo, part, type Context } from '../view.js'

type Entry = Answers['audit']['records'][number]

const PAGE = 100

/** What admins did, and whether the log is what was written. */
export function audit({ api, signal }: Context): HTMLElement {
  const verdict = h('div', { 'aria-live': 'polite' })
  const older = h('div')
  let before: number | undefined
  const turnTo = (seq: number | undefined): Promise<void> => {
    before = seq
    return shown.reload()
  }
  const shown = part(signal, async () => {
    const { records } = await api.call('audit', { query: { limit: PAGE, before }, signal })
    const last = records.at(-1)?.seq ?? 1
    fill(older, last > 1 && button('Older ones', () => turnTo(last)))
    return recordTable(records)
  })
  const verify = button('Verify', async () => {
    const answer = await api.call('verifyAudit', { signal })
    const { ok, records = 0, hash, seq, message } = answer
    fill(
      verdict,
      ok
        ? h(
            'p',
            {},
            badge('ok'),
            ` ${count(records)} records, each as it was written; last hash `,
            h('code', {}, hash),
          )
        : h(
            'p',
            { class: 'problem', role: 'alert' },
            badge('failed'),
            ` record ${seq}: ${message}`,
          ),
    )
  })
  const newest = button('Newest', () => turnTo(undefined))
  return h('section', {}, heading('Audit log', newest, verify), verdict, shown.root, older)
}

function recordTable(records: readonly Entry[]): HTMLElement {
  return table(
    records,
    [
      { title: '', number: true, cell: record => record.seq },
      { title: 'At', cell: record => time(record.at) },
      { title: 'By', cell: record => record.actor },
      { title: 'Did', cell: record => record.action },
      { title: 'To', cell: record => record.target },
      { title: 'Revision', cell: revisions },
      { title: 'Reason', cell: record => record.reason },
      { title: 'Detail', cell: record => h('code', { class: 'small' }, detailText(record)) },
    ],
    'Nothing was done yet.',
  )
}

function revisions({ revisionBefore: before, revisionAfter: after }: Entry): HTMLElement | string {
  if (after === null || before === after) return String(after ?? '')
  return h('a', { href: linkTo('history') }, `${before ?? '-'} → ${after}`)
}

function detailText({ detail }: Entry): string {
  return detail === null || detail === undefined ? '' : JSON.stringify(detail)
}
