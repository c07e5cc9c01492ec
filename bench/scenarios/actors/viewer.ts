import { hostActor, type Fail } from '../actor.js'
import { FLOW_LOG, FlowEvents, type FlowLogPlace } from '../flow-events.js'

/** How often the counters are asked for, as a page that shows them would. */
const STATS_INTERVAL_MS = 1_000

let controller: AbortController | undefined
let timer: NodeJS.Timeout | undefined
/** One for each time that it looked. */
const logs: FlowEvents[] = []

async function follow(
  { url, token }: FlowLogPlace,
  signal: AbortSignal,
  fail: Fail,
): Promise<void> {
  const headers = { authorization: `Bearer ${token}` }
  const response = await fetch(`${url}${FLOW_LOG}`, { headers, signal })
  if (!response.ok) throw new Error(`/v1/flows: ${response.status} ${await response.text()}`)
  read(response, signal).catch((error: unknown) => fail(`the flow log ended: ${String(error)}`))
  timer = setInterval(() => {
    fetch(`${url}/v1/stats`, { headers, signal })
      .then(answer => answer.arrayBuffer())
      .catch((error: unknown) => {
        if (!signal.aborted) fail(`/v1/stats: ${String(error)}`)
      })
  }, STATS_INTERVAL_MS)
}

async function read(response: Response, signal: AbortSignal): Promise<void> {
  const events = new FlowEvents()
  logs.push(events)
  try {
    for await (const chunk of response.body!) events.push(chunk as Uint8Array)
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

const commandsOf = (fail: Fail) => ({
  /** Follows the flow log and asks for the counters, from now on. */
  async open(job: FlowLogPlace): Promise<void> {
    controller = new AbortController()
    await follow(job, controller.signal, fail)
  },

  close(): void {
    clearInterval(timer)
    controller?.abort()
  },

  /** What it has been shown. */
  seen(): { readonly flows: number; readonly lost: number } {
    return {
      flows: logs.reduce((sum, { flows }) => sum + flows, 0),
      lost: logs.reduce((sum, { lost }) => sum + lost, 0),
    }
  },
})

export type ViewerCommands = ReturnType<typeof commandsOf>

hostActor(commandsOf)
