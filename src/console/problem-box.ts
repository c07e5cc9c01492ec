import { h } from './dom.js'
import { placeText, type Problem } from './problem.js'

/** A refusal as the daemon said it: the sentence, its code, and each thing that was wrong. */
export function problemBox(problem: Problem): HTMLElement {
  const { message, code, status, details } = problem
  // One thing that was wrong is what the sentence says already.
  const said = details.filter(each => details.length > 1 || !message.includes(each.message))
  return h(
    'div',
    { class: 'problem', role: 'alert' },
    h('p', {}, h('strong', {}, code), ' ', message),
    said.length > 0 &&
      h(
        'ul',
        {},
        ...said.map(detail => {
          const place = placeText(detail) || detail.field
          return h('li', {}, place && h('code', {}, place), place && ' ', detail.message)
        }),
      ),
    status > 0 && h('p', { class: 'quiet' }, `HTTP ${status}`),
  )
}
