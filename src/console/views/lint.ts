import { draft } from '../draft.js'
import { button } from '../button.js'
import { fill, h } from '../dom.js'
import { form } from '../form.js'
import { count } from '../format.js'
import { badge, table } from '../table.js'
import { heading, linkTo, part, type Context } from '../view.js'

/** What the policy probably does not mean, and what it might say instead. */
export function lint({ api, signal }: Context): HTMLElement {
  const found = part(signal, async () => {
    const { findings, revision } = await api.call('lint', { signal })
    return h(
      'div',
      {},
      h('p', { class: 'quiet' }, `revision ${revision}`),
      table(
        findings,
        [
          { title: 'Severity', cell: finding => badge(finding.severity) },
          { title: 'About', cell: finding => finding.about },
          {
            title: 'Where',
            cell: ({ place }) =>
              place &&
              h(
                'a',
                { href: linkTo('policy', { file: place.file, line: String(place.line) }) },
                `${place.file}:${place.line}`,
              ),
          },
          { title: 'What', cell: finding => finding.message },
        ],
        'Nothing was found that is probably not meant.',
      ),
    )
  })
  const answer = h('div')
  const suggested = form({
    fields: [{ name: 'since', label: 'Of the last', value: '24h', hint: 'such as 1h or 7d' }],
    submit: 'Suggest',
    inline: true,
    run: async ({ since }) => {
      const {
        document: text,
        flows,
        rules,
        tests,
      } = await api.call('suggest', {
        query: { since },
        signal,
      })
      const edit = (): void => {
        draft.put('50-suggested.yaml', text)
        location.hash = linkTo('policy', { file: '50-suggested.yaml' })
      }
      fill(
        answer,
        h('p', {}, `${count(rules)} rules and ${count(tests)} tests from ${count(flows)} flows`),
        h('pre', { class: 'document', tabindex: 0 }, text),
        button('Put it into the editor', edit),
      )
    },
  })
  return h(
    'section',
    {},
    heading('Lint', button('Look again', found.reload)),
    found.root,
    h('h2', {}, 'Suggest rules from what was let through'),
    suggested,
    answer,
  )
}
