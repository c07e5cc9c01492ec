import type { AdminClient } from './admin-client.js'
import { serverEvents, type ServerEvent } from './event-source.js'
import { failed } from './fail.js'

/**
 * Reads what the daemon tells as it happens, for as long as it does.
 * @param what is told, such as `the flow log`.
 * @throws Failure when that ends, one way or another.
 */
export async function follow(
  client: AdminClient,
  path: string,
  what: string,
  take: (event: ServerEvent) => void,
): Promise<never> {
  const accept = { accept: 'text/event-stream' }
  const response = await client.request('GET', path, undefined, accept)
  const events = serverEvents(response.body!)
  for (;;) {
    const { value, done } = await events.next().catch((error: unknown) => {
      throw failed('the daemon went away', 'see its log', error)
    })
    if (done)
      throw failed(`the daemon ended ${what}`, 'see its log, and whether your token still holds')
    take(value)
  }
}
