import type { Answers } from './answers.js'
import type { Api } from './api.js'
import { button } from './button.js'
import { h } from './dom.js'
import { openDialog } from './dialog.js'
import { reasonField } from './form.js'
import { say } from './notices.js'
import { bar } from './table.js'
import { linkTo } from './view.js'

/** A flow that is refused, and why. */
export interface RefusedFlow {
  readonly from: string
  readonly to: string
  readonly explained: Answers['explain']
}

const FOR_HOW_LONG = '10m'

/** The ways to let a refused flow through for a while, as far as there are any. */
export async function admitFor(
  api: Api,
  { from, to, explained }: RefusedFlow,
  onAdmitted: () => unknown,
): Promise<HTMLElement> {
  const source = domainOf(from)
  if (explained.action === 'ask') {
    const text = 'a rule asks an operator about it'
    return h('p', {}, `${text}: `, h('a', { href: linkTo('asks') }, 'see the asks'))
  }
  const sets = await openSets(api, to, explained.rule?.position)
  const buttons = sets.map(set =>
    button(
      `Put ${source} into @${set} for ${FOR_HOW_LONG}`,
      () => addToSet(api, set, source, onAdmitted),
      { needs: [api, 'addElement'] },
    ),
  )
  const rule = button(
    `Add a rule for ${FOR_HOW_LONG}`,
    () => addRule(api, { from, to, explained }, onAdmitted),
    { primary: true, needs: [api, 'addRule'] },
  )
  return h('div', {}, h('h3', {}, `Admit it for ${FOR_HOW_LONG}`), bar(...buttons, rule))
}

/** Sets whose elements may send there by a rule in front of the one that refuses. */
async function openSets(api: Api, to: string, refusedAt = Infinity): Promise<string[]> {
  const [{ rules }, { domains }] = await Promise.all([api.call('rules'), api.call('domains')])
  const name = domainOf(to)
  const tags = domains.find(domain => domain.name === name)?.tags ?? []
  const opening = rules.filter(
    ({ action, source, destination, position }) =>
      position < refusedAt &&
      (action === 'accept' || action === 'audit') &&
      source.startsWith('@') &&
      means(destination, name, tags) &&
      hasPort(destination, portOf(to)),
  )
  return [...new Set(opening.map(({ source }) => domainOf(source).slice(1)))]
}

function means(selector: string, name: string, tags: readonly string[]): boolean {
  const who = domainOf(selector)
  return who === '*' || who === name || tags.some(tag => who === `tag:${tag}`)
}

function hasPort(selector: string, port: number): boolean {
  const text = selector.slice(selector.lastIndexOf(':') + 1)
  if (text === '*') return true
  const [min = NaN, max = min] = text.split('-').map(Number)
  return min <= port && port <= max
}

function domainOf(end: string): string {
  return end.slice(0, end.lastIndexOf(':'))
}

function portOf(end: string): number {
  return Number(end.slice(end.lastIndexOf(':') + 1))
}

function addToSet(api: Api, set: string, element: string, onAdmitted: () => unknown): void {
  openDialog({
    title: `Put ${element} into @${set}`,
    fields: [{ name: 'timeout', label: 'For how long', value: FOR_HOW_LONG }, reasonField],
    submit: 'Put in',
    run: async ({ timeout, reason }) => {
      const body = { element, ...(timeout !== '' && { timeout }) }
      await api.call('addElement', { params: { name: set }, body, reason })
      say(`${element} is in ${set}.`)
      await onAdmitted()
    },
  })
}

function addRule(api: Api, { from, to, explained }: RefusedFlow, onAdmitted: () => unknown): void {
  openDialog({
    title: 'Admit it by a rule',
    text: 'It is put in front of the rule that refuses, and matches nothing once it has expired.',
    fields: [
      { name: 'source', label: 'From', value: `${domainOf(from)}:*`, required: true },
      { name: 'destination', label: 'To', value: to, required: true },
      { name: 'expires', label: 'For how long', value: FOR_HOW_LONG, required: true },
      reasonField,
    ],
    submit: 'Add the rule',
    run: async ({ source, destination, expires, reason }) => {
      const position = explained.rule?.position
      const { rule, revision } = await api.call('addRule', {
        body: {
          action: 'accept',
          source,
          destination,
          expires,
          ...(position !== undefined && { position }),
        },
        ifRevision: explained.revision,
        reason,
      })
      say(`Rule ${rule.id} is in force with revision ${revision}.`)
      await onAdmitted()
    },
  })
}
