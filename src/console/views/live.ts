import { h } from '../dom.js'
import { endedTable, ringTable, sessionTable } from '../live-tables.js'
import { heading, part, type Context } from '../view.js'

const POLL_MS = 2_000
const ENDED_MAX = 50

/** Who is attached, the rings there are, and how sessions ended. */
export function live({ api, signal }: Context): HTMLElement {
  const shown = part(
    signal,
    async () => {
      const [{ sessions }, { rings }, { disconnects }] = await Promise.all([
        api.call('sessions', { signal }),
        api.call('rings', { signal }),
        api.call('disconnects', { signal, query: { limit: ENDED_MAX } }),
      ])
      return h(
        'div',
        {},
        sessionTable(sessions),
        h('h2', {}, 'Rings'),
        ringTable(rings),
        h('h2', {}, 'Ended'),
        endedTable(disconnects),
      )
    },
    POLL_MS,
  )
  return h('section', {}, heading('Sessions'), shown.root)
}
