import type { Hypervisor } from '../../hypervisor/hypervisor.js'
import type { Store } from '../../store/store.js'

/** Whether one thing that the daemon needs is as it should be. */
export interface Check {
  readonly name: string
  readonly ok: boolean
  /** It goes on, but not with what it should have. */
  readonly degraded?: boolean | undefined
  readonly message: string
}

/**
 * Looks at what has to be right for changes and datagrams to be handled.
 * @param problem why the policy in force is not the one that should be.
 */
export function healthChecks(
  store: Store,
  hypervisor: Hypervisor,
  problem: string | undefined,
): readonly Check[] {
  const inForce = hypervisor.policy.revision
  let stored: number
  try {
    stored = store.policies.currentRevision()
  } catch {
    const message = 'the store can not be read: datagrams are still handled, changes are not'
    return [{ name: 'store', ok: false, message }]
  }
  const isRight = stored === inForce && problem === undefined
  const { dropped } = store
  const rows =
    dropped.length === 0
      ? 'the store can be read'
      : `damaged rows were dropped at the start (${dropped.length}), which the audit log names`
  return [
    { name: 'store', ok: dropped.length === 0, degraded: true, message: rows },
    {
      name: 'policy',
      ok: isRight,
      degraded: !isRight,
      message: problem ?? `revision ${inForce} is in force and revision ${stored} is stored`,
    },
  ]
}
