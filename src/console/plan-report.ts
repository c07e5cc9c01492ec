import type { Answers } from './answers.js'
import { difference, listed } from './difference.js'
import { h, type Child } from './dom.js'
import { ago, count } from './format.js'
import { placeText } from './problem.js'
import { badge } from './table.js'

type Plan = Answers['planPolicy']
type Replayed = Plan['flows']['newlyRefused']

const says = {
  none: 'nothing changes',
  changes: 'this would change',
  refused: 'this would be refused',
} as const

/** Flows from ports that a daemon picks are counted together, under the first of these. */
const FOLDED_PORT = 0x8000_0000

/** What a policy would change: its tests, lint, rules, decisions, and flows seen lately. */
export function planReport(plan: Plan): HTMLElement {
  const { status, revision, tests, lint, flows } = plan
  return h(
    'div',
    { class: 'plan', role: 'status' },
    h(
      'p',
      {},
      badge(status),
      ` ${says[status]}, compared with revision ${revision}: ${count(tests.run)} tests run, ${count(tests.failed)} failed; lint found ${count(lint.findings)}`,
    ),
    listed(tests.failures, failure =>
      h('li', { class: 'removed' }, h('code', {}, placeText(failure)), ' ', failure.message),
    ),
    listed(lint.listed, ({ severity, about, place, message }) =>
      h(
        'li',
        {},
        badge(severity),
        ' ',
        h('code', {}, place === undefined ? about : `${place.file}:${place.line}`),
        ` ${message}`,
      ),
    ),
    status === 'none' ? undefined : difference(plan),
    h('h3', {}, 'Flows seen lately'),
    h('p', {}, `${count(flows.flows)} were decided again`),
    replayed('would be refused', flows.newlyRefused),
    replayed('would be admitted', flows.newlyAdmitted),
    replayed('would have to be asked for', flows.newlyAsked),
    replayed('may be decided otherwise', flows.uncertain),
  )
}

function replayed(what: string, { flows, datagrams, listed: some }: Replayed): Child {
  if (flows === 0) return undefined
  return h(
    'div',
    {},
    h('p', {}, h('strong', {}, what), `: ${count(flows)} flows, ${count(datagrams)} datagrams`),
    listed(some, flow => {
      const { source, sourcePort, destination, destinationPort, before, after, lastAt } = flow
      const way = `${source}:${portText(sourcePort)} → ${destination}:${portText(destinationPort)}`
      return h(
        'li',
        {},
        h('code', {}, way),
        ` ${before.verdict} (${before.rule}) ⇒ ${after.verdict} (${after.rule}), last ${ago(lastAt)}`,
      )
    }),
  )
}

function portText(port: number): string {
  return port === FOLDED_PORT ? '*' : String(port)
}
