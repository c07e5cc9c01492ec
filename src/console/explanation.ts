import type { Answers } from './answers.js'
import { h } from './dom.js'
import { count } from './format.js'
import { badge, facts } from './table.js'
import { linkTo } from './view.js'

type Explanation = Answers['explain']
type ExplainedRule = NonNullable<Explanation['rule']>

/** How the policy comes to a verdict: the rules that were asked, and the one that decided. */
export function explanation(explained: Explanation): HTMLElement {
  const { action, rule, walk, shadows, maxBytes, code, audited, revision } = explained
  const verdict = h('span', {}, badge(action), code !== undefined && ` but this size gets ${code}`)
  return h(
    'div',
    { class: 'explanation' },
    facts([
      ['Verdict', verdict],
      ...(audited === true
        ? [['But', 'audit mode delivers it, and records it as audit'] as const]
        : []),
      ['Because', rule === null ? 'no rule matches' : `rule ${rule.position} matches first`],
      ...(maxBytes === undefined ? [] : [['At most', `${count(maxBytes)} bytes`] as const]),
      ['Revision', String(revision)],
    ]),
    h(
      'ol',
      { class: 'walk' },
      ...walk.map(passed => step(passed, 'passed', passed.why ?? '')),
      rule === null
        ? h(
            'li',
            { class: 'decides' },
            badge('reject'),
            ' default: what no rule matches is rejected',
          )
        : step(rule, 'decides', 'decides'),
      ...shadows.map(later => step(later, 'shadow', 'would match as well, and is never asked')),
    ),
  )
}

function step(rule: ExplainedRule, className: string, why: string): HTMLElement {
  const { id, position, text, place } = rule
  return h(
    'li',
    { class: className },
    h('span', { class: 'position' }, position),
    h('a', { href: linkTo('rules', { from: String(position) }) }, id),
    place !== undefined &&
      h(
        'a',
        {
          class: 'quiet',
          href: linkTo('policy', { file: place.file, line: String(place.line) }),
        },
        `${place.file}:${place.line}`,
      ),
    h('code', {}, text),
    h('span', { class: 'why' }, why),
  )
}
