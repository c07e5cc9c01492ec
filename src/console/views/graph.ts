import { fill, h } from '../dom.js'
import { form } from '../form.js'
import { Problem } from '../problem.js'
import { problemBox } from '../problem-box.js'
import { heading, part, type Context } from '../view.js'
import { reachTable } from './explain.js'

/** Everything that the policy lets through, as a picture and as a list. */
export function graph({ api, signal }: Context): HTMLElement {
  const picture = h('div')
  const list = h('div')
  const show = async (revision: string): Promise<void> => {
    const query = { revision }
    // A picture that is too large to be drawn is no reason to show no list.
    const drawn = api.text('graph', { query, accept: 'image/svg+xml', signal }).then(
      svg => imageOf(svg),
      (error: unknown) => problemBox(Problem.of(error)),
    )
    const { reach } = await api.call('graph', { query, accept: 'application/json', signal })
    fill(list, reachTable(reach))
    fill(picture, await drawn)
  }
  const asked = form({
    fields: [
      { name: 'revision', label: 'Revision', kind: 'number', hint: 'the one in force if empty' },
    ],
    submit: 'Draw',
    inline: true,
    run: ({ revision = '' }) => show(revision),
  })
  const first = part(signal, async () => {
    await show('')
    return undefined
  })
  return h('section', {}, heading('Graph'), asked, first.root, picture, list)
}

/** As an image it can neither run scripts nor load anything, whatever names are written in it. */
function imageOf(svg: string): HTMLElement {
  const image = h('img', {
    class: 'graph',
    alt: 'who can send to whom; the list below says the same',
  })
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`
  return h('div', { class: 'wide paper' }, image)
}
