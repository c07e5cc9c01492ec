import type { Api } from './api.js'
import { button } from './button.js'
import { fill, h } from './dom.js'
import { openDialog } from './dialog.js'
import { reasonField } from './form.js'
import { duration } from './format.js'
import { say } from './notices.js'
import { pause } from './events.js'
import { part, type Part } from './view.js'

const POLL_MS = 3_000
const TICK_MS = 500

/**
 * A revision that goes away unless it is confirmed: how long it still has, and what can be done.
 * Nothing is shown when there is none.
 */
export function unconfirmedBanner(api: Api, signal: AbortSignal): Part {
  let deadline: number | undefined
  const clock = h('strong', { class: 'clock', role: 'timer' })
  const shown = part(
    signal,
    async () => {
      const { unconfirmed } = await api.call('revisions', { query: { limit: 1 }, signal })
      deadline = unconfirmed?.deadline
      if (unconfirmed === null) return undefined
      const { revision, backTo } = unconfirmed
      tick()
      return h(
        'div',
        { class: 'unconfirmed', role: 'status' },
        h('p', {}, `Revision ${revision} goes back to ${backTo} in `, clock),
        button('Confirm', () => confirm(revision), {
          primary: true,
          needs: [api, 'confirmPolicy'],
        }),
        button('Roll back', () => rollBack(revision, backTo), {
          danger: true,
          needs: [api, 'rollBackPolicy'],
        }),
      )
    },
    POLL_MS,
  )
  fill(shown.root.lastElementChild!)

  const confirm = async (revision: number): Promise<void> => {
    await api.call('confirmPolicy', { ifRevision: revision, body: {} })
    say(`Revision ${revision} stays.`)
    await shown.reload()
  }
  const rollBack = (revision: number, backTo: number): void =>
    openDialog({
      title: `Go back to revision ${backTo}`,
      fields: [reasonField],
      submit: 'Roll back',
      danger: true,
      run: async ({ reason }) => {
        const applied = await api.call('rollBackPolicy', {
          body: { revision: backTo },
          ifRevision: revision,
          reason,
        })
        say(`Back to ${backTo}: revision ${applied.revision} is in force.`)
        await shown.reload()
      },
    })
  const tick = (): void => {
    clock.textContent = deadline === undefined ? '' : duration(deadline - Date.now())
  }
  const count = async (): Promise<void> => {
    for (; !signal.aborted; await pause(TICK_MS, signal)) tick()
  }
  void count()
  return shown
}
