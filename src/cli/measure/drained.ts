import type { V4vError } from '../../sdk/errors.js'
import type { Ring } from '../../sdk/index.js'
import { failed } from '../fail.js'

/**
 * Waits until a ring takes datagrams again.
 * @throws what the ring was closed with: then it never will.
 */
export async function drained(ring: Ring): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const onDrain = (): void => {
      ring.off('close', onClose)
      resolve()
    }
    const onClose = (error: V4vError | undefined): void => {
      ring.off('drain', onDrain)
      reject(error ?? failed('the connection to the daemon is closed'))
    }
    ring.once('drain', onDrain)
    ring.once('close', onClose)
  })
}
