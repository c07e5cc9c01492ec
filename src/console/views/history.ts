import type { Answers } from '../answers.js'
import { button } from '../button.js'
import { openDialog } from '../dialog.js'
import { difference } from '../difference.js'
import { fill, h } from '../dom.js'
import { draft } from '../draft.js'
import { form, reasonField } from '../form.js'
import { bytes, count, time } from '../format.js'
import { say } from '../notices.js'
import { badge, bar, table } from '../table.js'
import { heading, linkTo, part, type Context, type Part } from '../view.js'

type Revision = Answers['revisions']['revisions'][number]

/** The revisions that are kept: what each said and changed, and the way back to it. */
export function history(context: Context): HTMLElement {
  const { api, signal } = context
  const detail = h('div', { 'aria-live': 'polite' })
  const older = h('div')
  const shown: Part = part(signal, async () => {
    const { revision, revisions } = await api.call('revisions', { signal })
    fill(older, more(context, revisions, detail, shown))
    return list(context, revisions, revision, detail, shown)
  })
  const compare = form({
    fields: [
      { name: 'from', label: 'From revision', kind: 'number', required: true },
      { name: 'to', label: 'To revision', kind: 'number', required: true },
    ],
    submit: 'Compare',
    inline: true,
    run: ({ from, to }) => showDiff(context, Number(from), Number(to), detail),
  })
  return h('section', {}, heading('History'), compare, detail, shown.root, older)
}

function more(
  context: Context,
  revisions: readonly Revision[],
  detail: HTMLElement,
  shown: Part,
): HTMLElement | undefined {
  const last = revisions.at(-1)?.revision ?? 0
  if (last <= 1) return undefined
  const holder = h('div')
  const load = async (): Promise<void> => {
    const query = { before: last }
    const answer = await context.api.call('revisions', { query, signal: context.signal })
    const { revision, revisions: next } = answer
    holder.replaceChildren(list(context, next, revision, detail, shown))
    const further = next.length > 0 ? more(context, next, detail, shown) : undefined
    if (further !== undefined) holder.append(further)
  }
  holder.append(button('Older ones', load))
  return holder
}

function list(
  context: Context,
  revisions: readonly Revision[],
  inForce: number,
  detail: HTMLElement,
  shown: Part,
): HTMLElement {
  const { api } = context
  return table(
    revisions,
    [
      {
        title: 'Revision',
        cell: ({ revision }) =>
          h(
            'span',
            {},
            String(revision),
            revision === inForce && ' ',
            revision === inForce && badge('in force'),
          ),
      },
      { title: 'At', cell: ({ at }) => time(at) },
      { title: 'By', cell: ({ author }) => author },
      { title: 'Rules', number: true, cell: each => count(each.rules) },
      { title: 'Size', number: true, cell: each => bytes(each.bytes) },
      { title: 'Reason', cell: ({ reason }) => reason },
      {
        title: '',
        cell: ({ revision }) =>
          bar(
            button('Show', () => showRevision(context, revision, detail)),
            revision > 1 &&
              button('What it changed', () => showDiff(context, revision - 1, revision, detail)),
            revision !== inForce &&
              button('Compare with now', () => showDiff(context, revision, inForce, detail)),
            revision !== inForce &&
              button('Roll back to it', () => rollBack(context, revision, inForce, shown), {
                danger: true,
                needs: [api, 'rollBackPolicy'],
              }),
          ),
      },
    ],
    'There are none.',
  )
}

async function showDiff(
  { api, signal }: Context,
  from: number,
  to: number,
  detail: HTMLElement,
): Promise<void> {
  const diff = await api.call('diff', { query: { from, to }, signal })
  const title = h('h2', {}, `From revision ${from} to ${to}`)
  fill(detail, h('section', { class: 'card' }, title, difference(diff)))
}

async function showRevision(
  { api, signal }: Context,
  revision: number,
  detail: HTMLElement,
): Promise<void> {
  const { documents = [] } = await api.call('revision', {
    params: { revision },
    query: { form: 'documents' },
    signal,
  })
  const edit = async (): Promise<void> => {
    if (draft.revision === undefined) {
      const now = await api.call('policy', { query: { form: 'documents' }, signal })
      draft.rebase(now.revision, now.documents ?? [])
    }
    draft.replace(documents)
    location.hash = linkTo('policy')
  }
  fill(
    detail,
    h(
      'section',
      { class: 'card' },
      h('h2', {}, `Revision ${revision}`),
      ...documents.flatMap(({ name, text }) => [
        h('h3', {}, name),
        h('pre', { class: 'document', tabindex: 0 }, text),
      ]),
      button('Put it into the editor', edit),
    ),
  )
}

function rollBack({ api, changed }: Context, to: number, inForce: number, shown: Part): void {
  openDialog({
    title: `Go back to revision ${to}`,
    text: 'What it said becomes the next revision.',
    fields: [
      {
        name: 'confirm',
        label: 'Undo it unless confirmed within',
        hint: 'such as 60s; for good if empty',
      },
      reasonField,
    ],
    submit: 'Roll back',
    danger: true,
    run: async ({ reason, confirm }) => {
      const { revision } = await api.call('rollBackPolicy', {
        body: { revision: to },
        query: { confirm },
        ifRevision: inForce,
        reason,
      })
      say(`Back to ${to}: revision ${revision} is in force.`)
      changed()
      await shown.reload()
    },
  })
}
