import type { Answers } from '../answers.js'
import { h } from '../dom.js'
import { ago, bytes, count, duration } from '../format.js'
import { badge, facts, table } from '../table.js'
import { heading, linkTo, part, type Context } from '../view.js'

const POLL_MS = 2_000
const DOMAINS_SHOWN = 20

/** How the daemon is, and what it has done. */
export function overview({ api, signal }: Context): HTMLElement {
  const shown = part(
    signal,
    async () => {
      const [ready, stats, rules] = await Promise.all([
        api.call('ready', { query: { verbose: 'true' }, signal }),
        api.call('stats', { signal }),
        api.call('rules', { query: { limit: 1 }, signal }),
      ])
      return h(
        'div',
        { class: 'cards' },
        health(ready),
        inForce(stats, rules),
        decided(stats),
        carried(stats),
        kept(stats),
        byDomain(stats),
      )
    },
    POLL_MS,
  )
  const links = [
    h('a', { href: '/docs' }, 'the API'),
    h('a', { href: '/openapi.json' }, 'OpenAPI'),
    h('a', { href: '/metrics' }, 'metrics'),
  ]
  return h('section', {}, heading('Overview', ...links), shown.root)
}

function card(title: string, ...content: readonly Node[]): HTMLElement {
  return h('section', { class: 'card' }, h('h2', {}, title), ...content)
}

function health({ status, checks = [] }: Answers['ready']): HTMLElement {
  const rows = checks.map(
    ({ name, ok, message }) =>
      [name, h('span', {}, badge(ok ? 'ok' : 'failed'), ' ', message)] as const,
  )
  return card('Health', h('p', {}, badge(status)), facts(rows))
}

function inForce(stats: Answers['stats'], rules: Answers['rules']): HTMLElement {
  const { hits, bytes: size, lastHit } = rules.default
  return card(
    'Policy',
    facts([
      ['Revision in force', h('a', { href: linkTo('history') }, String(stats.revision))],
      ['Rules', h('a', { href: linkTo('rules') }, count(rules.total))],
      ['Rejected by default', `${count(hits)}, ${bytes(size)}`],
      ['Last one', ago(lastHit)],
    ]),
  )
}

function decided({ verdicts, retired }: Answers['stats']): HTMLElement {
  const rows = Object.entries(verdicts)
  return card(
    'Decided',
    table(
      rows,
      [
        {
          title: 'Verdict',
          cell: ([verdict]) => h('a', { href: linkTo('flows', { verdict }) }, badge(verdict)),
        },
        { title: 'Datagrams', number: true, cell: ([, { datagrams }]) => count(datagrams) },
        { title: 'Bytes', number: true, cell: ([, counted]) => bytes(counted.bytes) },
      ],
      'nothing yet',
    ),
    h('p', { class: 'quiet' }, `of these by rules that are gone: ${count(retired.hits)}`),
  )
}

function carried(stats: Answers['stats']): HTMLElement {
  const { sessions, rings, ringBytes, ringBytesUsed, totals } = stats
  return card(
    'Now',
    facts([
      ['Up', duration(Date.now() - stats.startedAt)],
      ['Sessions', h('a', { href: linkTo('live') }, count(sessions))],
      ['Rings', h('a', { href: linkTo('live') }, count(rings))],
      ['Ring memory', bytes(ringBytes)],
      [
        'In use',
        h(
          'span',
          {},
          h('meter', { min: 0, max: Math.max(ringBytes, 1), value: ringBytesUsed }),
          ` ${bytes(ringBytesUsed)}`,
        ),
      ],
      ['Delivered', `${count(totals.datagramsReceived)}, ${bytes(totals.bytesReceived)}`],
      ['Refused', count(totals.datagramsRefused)],
      ['Dropped', count(totals.datagramsDropped)],
    ]),
  )
}

function kept({ store }: Answers['stats']): HTMLElement {
  return card(
    'Kept',
    facts([
      ['Database', bytes(store.databaseBytes)],
      ['Revisions', `${count(store.revisions)}, ${bytes(store.revisionBytes)}`],
      ['Audit records', h('a', { href: linkTo('audit') }, count(store.auditRecords))],
    ]),
  )
}

function byDomain({ domains }: Answers['stats']): HTMLElement {
  const sum = ({ counters }: (typeof domains)[number]): number =>
    counters.datagramsSent + counters.datagramsReceived + counters.datagramsRefused
  const busiest = domains.toSorted((a, b) => sum(b) - sum(a)).slice(0, DOMAINS_SHOWN)
  const shown = card(
    'Domains',
    table(
      busiest,
      [
        {
          title: 'Domain',
          cell: ({ name }) => h('a', { href: linkTo('domain', { name }) }, name),
        },
        { title: 'Sessions', number: true, cell: ({ sessions }) => count(sessions) },
        { title: 'Sent', number: true, cell: ({ counters }) => count(counters.datagramsSent) },
        {
          title: 'Received',
          number: true,
          cell: ({ counters }) => count(counters.datagramsReceived),
        },
        {
          title: 'Refused',
          number: true,
          cell: ({ counters }) => count(counters.datagramsRefused),
        },
      ],
      'there are none',
    ),
    domains.length > DOMAINS_SHOWN
      ? h('a', { href: linkTo('domains') }, `all ${count(domains.length)}`)
      : h('span'),
  )
  shown.classList.add('wide-card')
  return shown
}
