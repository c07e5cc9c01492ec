import type { Answers } from './answers.js'
import { h } from './dom.js'
import { ago, bytes, count } from './format.js'
import { table } from './table.js'
import { linkTo } from './view.js'

/** Sessions that are attached. */
export function sessionTable(sessions: Answers['sessions']['sessions']): HTMLElement {
  return table(
    sessions,
    [
      { title: 'Session', number: true, cell: session => session.id },
      { title: 'Domain', cell: ({ domain }) => domainLink(domain) },
      { title: 'By', cell: ({ transport }) => transport },
      { title: 'Client', cell: ({ agent }) => agent },
      { title: 'Since', cell: ({ connectedAt }) => ago(connectedAt) },
      { title: 'Ports', cell: ({ ports }) => ports.join(', ') },
      { title: 'Sends to', number: true, cell: each => count(each.ringsSentTo) },
      { title: 'Waits for', number: true, cell: each => count(each.ringsWaitedFor) },
    ],
    'Nobody is attached.',
  )
}

/** How sessions ended, and attempts to attach, the last ones first. */
export function endedTable(ended: Answers['disconnects']['disconnects']): HTMLElement {
  return table(
    ended.toReversed(),
    [
      { title: 'Last', cell: ({ lastAt }) => ago(lastAt) },
      { title: 'Domain', cell: ({ domain }) => (domain === undefined ? '' : domainLink(domain)) },
      { title: 'Ended by', cell: ({ by }) => by },
      { title: 'For', cell: ({ reason }) => h('code', {}, reason) },
      { title: 'Times', number: true, cell: each => count(each.count) },
      {
        title: 'From',
        cell: ({ transport, address, pid, comm }) =>
          [transport, address, pid !== undefined && `pid ${pid}`, comm]
            .filter(each => each !== undefined && each !== false)
            .join(' '),
      },
      {
        title: 'Why',
        cell: ({ detail, by, remedy }) =>
          h('span', {}, detail, by === 'daemon' && h('span', { class: 'comment' }, remedy)),
      },
    ],
    'No session has ended yet.',
  )
}

/** Rings that are registered, and how full they are. */
export function ringTable(rings: Answers['rings']['rings']): HTMLElement {
  return table(
    rings,
    [
      { title: 'Domain', cell: ({ domain }) => domainLink(domain) },
      { title: 'Port', number: true, cell: ring => ring.port },
      { title: 'From', cell: ({ partner }) => (partner === '*' ? 'anyone' : partner) },
      {
        title: 'Fill',
        cell: ({ usedBytes, length }) =>
          h(
            'span',
            {},
            h('meter', { min: 0, max: length, high: 0.8 * length, value: usedBytes }),
            ` ${bytes(usedBytes)} of ${bytes(length)}`,
          ),
      },
      { title: 'Datagrams', number: true, cell: ring => count(ring.datagrams) },
      { title: 'Senders', number: true, cell: ring => count(ring.senders) },
      { title: 'Waiting', number: true, cell: ring => count(ring.waiters) },
      { title: 'Session', number: true, cell: ring => ring.session },
    ],
    'There are none.',
  )
}

function domainLink(name: string): HTMLElement {
  return h('a', { href: linkTo('domain', { name }) }, name)
}
