import { h } from '../dom.js'
import { ringTable, sessionTable } from '../live-tables.js'
import { heading, part, type Context } from '../view.js'

const POLL_MS = 2_000

/** Who is attached, and the rings there are. */
export function live({ api, signal }: Context): HTMLElement {
  const shown = part(
    signal,
    async () => {
      const [{ sessions }, { rings }] = await Promise.all([
        api.call('sessions', { signal }),
        api.call('rings', { signal }),
      ])
      return h('div', {}, sessionTable(sessions), h('h2', {}, 'Rings'), ringTable(rings))
    },
    POLL_MS,
  )
  return h('section', {}, heading('Sessions'), shown.root)
}
