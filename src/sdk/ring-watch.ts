import type { Connection } from './connection.js'
import { V4vError } from './errors.js'
import type { Flow } from './flow.js'
import type { Ring } from './ring.js'

/** Between two tries, where the daemon has no room for another who waits. */
const AGAIN_MS = 100

/** Asks the daemon to tell when the ring appears that a flow's sends wait for. */
export function watchRing(connection: Connection, flow: Flow, ring: Ring): void {
  const { target, port } = flow
  const entry = { target, port, spaceRequired: 0, wantRing: true }
  connection.notify([entry], ring.port, {}).then(
    ([status]) => {
      if (status === undefined || flow.absent.length === 0) return
      if (status.errno === 0) {
        connection.sender.onRingUp(flow) // it appeared meanwhile
        return
      }
      const error = V4vError.ofErrno(status.errno, '', { target: flow.key })
      if (error.code === 'EBUSY') {
        setTimeout(() => watchRing(connection, flow, ring), AGAIN_MS).unref()
      } else if (error.code !== 'ESRCH' && error.code !== 'ECONNREFUSED') {
        connection.sender.failAbsent(flow, error)
      }
    },
    () => undefined, // the session is over, and so are the sends
  )
}
