import type { Answers } from './answers.js'
import { h, type Child } from './dom.js'
import { count, ports } from './format.js'

type Difference = Answers['diff'] | Answers['planPolicy']
type RuleChange = Difference['rules']['listed'][number]
type DecisionChange = Difference['decisions']['listed'][number]

const SHOWN_MAX = 200
const signs = {
  added: '+',
  removed: '-',
  changed: '~',
  moved: '>',
  admitted: '+',
  refused: '-',
} as const

/** What tells two policies apart: which rules, and which datagrams fare otherwise. */
export function difference(diff: Difference): HTMLElement {
  const { rules, decisions, setsChanged, tagsChanged, testsChanged } = diff
  const others = [setsChanged && 'sets', tagsChanged && 'tags', testsChanged && 'tests']
  const changed = others.filter(each => each !== false)
  return h(
    'div',
    { class: 'difference' },
    h('h3', {}, 'Rules'),
    h(
      'p',
      {},
      `${rules.added} added, ${rules.removed} removed, ${rules.changed} changed, ${rules.moved} moved`,
      changed.length > 0 && `; changed as well: ${changed.join(', ')}`,
    ),
    listed(rules.listed, change => line(change.kind, ruleText(change))),
    h('h3', {}, 'Decisions'),
    h(
      'p',
      {},
      `${count(decisions.admitted)} newly admitted, ${count(decisions.refused)} newly refused, ${count(decisions.changed)} otherwise changed`,
    ),
    listed(decisions.listed, change => line(change.kind, ...decisionText(change))),
  )
}

/** The first of many, and how many more there are. */
export function listed<T>(items: readonly T[], show: (item: T) => HTMLElement): Child {
  if (items.length === 0) return undefined
  const more = items.length - SHOWN_MAX
  return h(
    'ul',
    { class: 'changes' },
    ...items.slice(0, SHOWN_MAX).map(show),
    more > 0 && h('li', { class: 'quiet' }, `and ${count(more)} more`),
  )
}

function line(kind: keyof typeof signs, ...text: readonly Child[]): HTMLElement {
  return h(
    'li',
    { class: kind },
    h('span', { class: 'sign', 'aria-label': kind }, signs[kind]),
    ...text,
  )
}

function ruleText(change: RuleChange): Child {
  switch (change.kind) {
    case 'added':
      return text(`${change.position} ${change.id}: `, change.after)
    case 'removed':
      return text(`${change.position} ${change.id}: `, change.before)
    case 'changed':
      return text(`${change.position} ${change.id}: `, change.before, change.after)
    case 'moved':
      return text(`${change.id}: from ${change.from} to ${change.position}`)
  }
}

function decisionText(change: DecisionChange): Child[] {
  const { from, sourcePorts, to, destinationPorts, type, before, after } = change
  const way = `${from.join(', ')}:${ports(sourcePorts)} → ${to.join(', ')}:${ports(destinationPorts)}`
  return [
    h('code', {}, way),
    type === 'any' ? undefined : ` type ${type}`,
    ` ${before.effect} (${before.rule}) ⇒ ${after.effect} (${after.rule})`,
  ]
}

function text(name: string, ...codes: readonly string[]): HTMLElement {
  const parts = codes.flatMap((code, index) => [index > 0 && ' ⇒ ', h('code', {}, code)])
  return h('span', {}, name, ...parts)
}
