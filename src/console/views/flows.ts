import { admitFor } from '../admit.js'
import type { Answers } from '../answers.js'
import { button } from '../button.js'
import { fill, h } from '../dom.js'
import { follow, type ServerEvent } from '../events.js'
import { explanation } from '../explanation.js'
import { form, type Field, type Values } from '../form.js'
import { bytes, count, time } from '../format.js'
import { isLeft, Problem } from '../problem.js'
import { problemBox } from '../problem-box.js'
import { badge, facts, table } from '../table.js'
import { heading, linkTo, part, type Context } from '../view.js'

type Flow = Answers['decision']

const ROWS_MAX = 300
const REFUSED = ['reject', 'drop', 'ask', 'limit']
const VERDICTS = ['', 'accept', 'reject', 'drop', 'audit', 'ask', 'limit', 'error']

/** Decisions as they fall, why they fell, and what has been. */
export function flows(context: Context): HTMLElement {
  const { query } = context
  const past = h('div')
  const detail = h('aside', { class: 'detail', 'aria-live': 'polite' })
  const live = new LiveFlows(context, flow => fill(detail, decision(context, flow)))
  const filter = form({
    fields: filterFields(query),
    submit: 'Filter',
    inline: true,
    run: values => {
      fill(past)
      live.start(values)
    },
    more: [
      button('Pause', () => live.pause()),
      button('Seen in the last 7 days', () => fill(past, pastFlows(context, valuesOf(filter)))),
    ],
  })
  const lookUp = form({
    fields: [
      { name: 'id', label: 'Decision', hint: 'as a sender was told, such as d-1f', required: true },
    ],
    submit: 'Look up',
    inline: true,
    run: async ({ id = '' }) => {
      const { api, signal } = context
      fill(detail, decision(context, await api.call('decision', { params: { id }, signal })))
    },
  })
  live.start(valuesOf(filter))
  return h('section', {}, heading('Flows'), filter, lookUp, detail, past, live.root)
}

function filterFields(query: URLSearchParams): Field[] {
  const field = (name: string, label: string): Field => ({
    name,
    label,
    value: query.get(name) ?? '',
  })
  return [
    { ...field('verdict', 'Verdict'), kind: 'choice', options: VERDICTS },
    field('source', 'From domain'),
    field('destination', 'To domain'),
    field('rule', 'Rule'),
  ]
}

function valuesOf(filter: HTMLFormElement): Values {
  const inputs = filter.querySelectorAll<HTMLInputElement | HTMLSelectElement>('input, select')
  return Object.fromEntries([...inputs].map(input => [input.name, input.value.trim()]))
}

/** The flow log, newest first. */
class LiveFlows {
  readonly root: HTMLElement
  readonly #context: Context
  readonly #onPick: (flow: Flow) => void
  readonly #state = h('p', { class: 'quiet', role: 'status' })
  readonly #problem = h('div')
  readonly #body = h('tbody')
  #stop = new AbortController()
  #lost = 0
  /** The ids of the decisions in the table. */
  readonly #shown = new Set<string>()

  constructor(context: Context, onPick: (flow: Flow) => void) {
    this.#context = context
    this.#onPick = onPick
    const titles = [
      'When',
      'Verdict',
      'From',
      'To',
      'Type',
      'Datagrams',
      'Rule',
      'Told',
      'Decision',
    ]
    const head = h('tr', {}, ...titles.map(title => h('th', { scope: 'col' }, title)))
    this.root = h(
      'div',
      {},
      this.#state,
      this.#problem,
      h('div', { class: 'wide' }, h('table', { class: 'flows' }, h('thead', {}, head), this.#body)),
    )
  }

  start(filter: Values): void {
    this.pause()
    fill(this.#body)
    this.#lost = 0
    this.#shown.clear()
    this.#stop = new AbortController()
    const signal = AbortSignal.any([this.#stop.signal, this.#context.signal])
    void follow(this.#context.api, 'flows', {
      input: { query: { ...filter, follow: 'true', limit: 100 } },
      signal,
      onEvent: event => this.#take(event),
      onState: problem => {
        fill(this.#problem, problem && problemBox(problem))
        this.#say(problem === undefined ? 'live' : 'not live: trying again')
      },
    })
  }

  pause(): void {
    this.#stop.abort()
    this.#say('paused')
  }

  #say(what: string): void {
    const lost = this.#lost === 0 ? '' : `; lost=${this.#lost}`
    this.#state.textContent = `${what}: refusals and the first datagram of each flow${lost}`
  }

  #take({ name, data }: ServerEvent): void {
    if (name === 'lost') {
      this.#lost += Number(/lost=(\d+)/.exec(data)?.[1] ?? 0)
      this.#body.prepend(h('tr', { class: 'lost' }, h('td', { colspan: 9 }, data)))
      this.#say('live')
      return
    }
    if (name !== 'flow') return
    const flow = JSON.parse(data) as Flow
    const { decisionId } = flow
    // After a break the recent ones come again; a daemon that was started again counts from 1.
    if (this.#shown.has(decisionId)) return
    this.#shown.add(decisionId)
    this.#body.prepend(this.#row(flow))
    while (this.#body.children.length > ROWS_MAX) this.#body.lastElementChild!.remove()
    for (const oldest of this.#shown) {
      if (this.#shown.size <= ROWS_MAX) break
      this.#shown.delete(oldest)
    }
  }

  #row(flow: Flow): HTMLElement {
    // The row takes the clicks of the button, which is there for those without a mouse.
    const open = h('button', { type: 'button', class: 'link' }, flow.decisionId)
    return h(
      'tr',
      {
        class: REFUSED.includes(flow.verdict) ? 'refused' : '',
        onclick: () => this.#onPick(flow),
      },
      h('td', {}, time(flow.at)),
      h('td', {}, badge(flow.verdict)),
      h('td', {}, flow.source),
      h('td', {}, flow.destination),
      h('td', {}, flow.type),
      h('td', { class: 'number' }, count(flow.datagrams)),
      h('td', {}, flow.rule ?? 'default'),
      h('td', {}, flow.code ?? ''),
      h('td', {}, open),
    )
  }
}

/** A decision, how it came about, and what can be done about it. */
function decision(context: Context, flow: Flow): HTMLElement {
  const { source: from, destination: to, file, line } = flow
  const place = file !== undefined && line !== undefined ? { file, line: String(line) } : undefined
  const answer = h('div', {}, h('p', { class: 'quiet' }, 'asking why …'))
  void explained(context, flow, answer)
  return h(
    'section',
    { class: 'card' },
    h('h2', {}, `${from} → ${to}`),
    facts([
      ['Decision', `${flow.decisionId}, ${time(flow.at)}`],
      ['Verdict', badge(flow.verdict)],
      ['Because', flow.reason],
      ['Told to the sender', flow.code ?? 'success'],
      ['Datagrams', `${count(flow.datagrams)}, ${bytes(flow.bytes)}`],
      ['Revision then', String(flow.revision)],
      [
        'Rule',
        h(
          'span',
          {},
          flow.rule ?? 'default',
          place && ' ',
          place && h('a', { href: linkTo('policy', place) }, `${place.file}:${place.line}`),
        ),
      ],
    ]),
    h('h3', {}, 'The policy in force says'),
    answer,
    h('a', { href: linkTo('explain', { from, to, type: flow.type }) }, 'ask otherwise'),
  )
}

async function explained(context: Context, flow: Flow, answer: HTMLElement): Promise<void> {
  const { api, signal, changed } = context
  const { source: from, destination: to } = flow
  const again = async (): Promise<void> => {
    changed()
    await explained(context, flow, answer)
  }
  try {
    const type = flow.type
    const said = await api.call('explain', { body: { from, to, type }, signal })
    fill(answer, explanation(said))
    const isAdmitted = said.action === 'accept' || said.action === 'audit'
    if (!isAdmitted) answer.append(await admitFor(api, { from, to, explained: said }, again))
  } catch (error) {
    if (!isLeft(error)) fill(answer, problemBox(Problem.of(error)))
  }
}

/** What became of which flows, as it was written down. */
function pastFlows({ api, signal }: Context, filter: Values): HTMLElement {
  return part(signal, async () => {
    const { flows: seen, lost } = await api.call('pastFlows', {
      query: { ...filter, limit: ROWS_MAX },
      signal,
    })
    return h(
      'section',
      { class: 'card' },
      h('h2', {}, 'Seen in the last 7 days'),
      lost > 0 && h('p', { class: 'lost' }, `lost=${lost}`),
      table(
        seen,
        [
          { title: 'Last', cell: flow => time(flow.lastAt) },
          { title: 'Verdict', cell: flow => badge(flow.verdict) },
          { title: 'From', cell: flow => flow.source },
          { title: 'To', cell: flow => flow.destination },
          { title: 'Type', cell: flow => flow.type },
          { title: 'Rule', cell: flow => flow.rule },
          { title: 'Datagrams', number: true, cell: flow => count(flow.datagrams) },
          { title: 'Bytes', number: true, cell: flow => bytes(flow.bytes) },
        ],
        'No flow was seen that is like this.',
      ),
    )
  }).root
}
