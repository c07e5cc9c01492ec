import { once } from 'node:events'
import http, { type IncomingMessage } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { hostActor, type Fail } from '../actor.js'
import { FLOW_LOG, FlowEvents, type FlowLogPlace } from '../flow-events.js'

/** The log is read to its end when nothing has come for so long, or this has taken so long. */
const SILENT_MS = 500
const READ_MS_MAX = 10_000

const responses: IncomingMessage[] = []

const commandsOf = (fail: Fail) => ({
  /** Follows the flow log of a daemon, and reads nothing of it. */
  async open({ url, token }: FlowLogPlace): Promise<void> {
    const request = http.get(`${url}${FLOW_LOG}`, { headers: { authorization: `Bearer ${token}` } })
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    if (response.statusCode !== 200) throw new Error(`/v1/flows: ${response.statusCode}`)
    // What is never read is never taken from the socket, but for what fills a buffer.
    response.on('error', error => fail(`the flow log ended: ${error.message}`))
    response.on('end', () => fail('the flow log ended'))
    responses.push(response)
  },

  /** Reads what has been left, of all logs, until they have caught up. */
  async readOn(): Promise<{ readonly flows: number; readonly lost: number }> {
    const logs = responses.map(response => {
      const events = new FlowEvents()
      response.on('data', (chunk: Uint8Array) => events.push(chunk))
      return events
    })
    const startedMs = performance.now()
    const lost = (): number => logs.reduce((sum, log) => sum + log.lost, 0)
    const flows = (): number => logs.reduce((sum, log) => sum + log.flows, 0)
    for (let before = -1; before !== lost();) {
      before = lost()
      await sleep(SILENT_MS)
      if (performance.now() - startedMs > READ_MS_MAX) break
    }
    return { flows: flows(), lost: lost() }
  },
})

export type StalledViewerCommands = ReturnType<typeof commandsOf>

hostActor(commandsOf)
