import type { Hypervisor } from '../../hypervisor/hypervisor.js'
import type { Store } from '../../store/store.js'

/** Whether one thing that the daemon needs is as it should be. */
export interface Check {
  readonly name: string
  readonly ok: boolean
  readonly message: string
}

/** Looks at what has to be right for changes and datagrams to be handled. */
export function healthChecks(store: Store, hypervisor: Hypervisor): readonly Check[] {
  const inForce = hypervisor.policy.revision
  let stored: number
  try {
    stored = store.rules.currentRevision()
  } catch {
    const message = 'the store can not be read: datagrams are still handled, changes are not'
    return [{ name: 'store', ok: false, message }]
  }
  return [
    { name: 'store', ok: true, message: 'the store can be read' },
    {
      name: 'policy',
      ok: stored === inForce,
      message: `revision ${inForce} is in force and revision ${stored} is stored`,
    },
  ]
}
