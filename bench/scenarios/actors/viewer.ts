import { hostActor, type Fail } from '../actor.js'

/** Whom to look at. */
export interface ViewerJob {
  readonly url: string
  readonly token: string
}

/** How often the counters are asked for, as a page that shows them would. */
const STATS_INTERVAL_MS = 1_000
const EVENT = 'event: flow'
const LOST = /data: lost=([0-9]+)/g

let controller: AbortController | undefined
let timer: NodeJS.Timeout | undefined
const seen = { flows: 0, lost: 0 }

async function follow({ url, token }: ViewerJob, signal: AbortSignal, fail: Fail): Promise<void> {
  const headers = { authorization: `Bearer ${token}` }
  // Without the recent ones: what is measured is to look on, not to look back.
  const response = await fetch(`${url}/v1/flows?follow=true&limit=1`, { headers, signal })
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
  const decoder = new TextDecoder()
  let rest = ''
  try {
    for await (const chunk of response.body!) {
      const text = rest + decoder.decode(chunk as Uint8Array, { stream: true })
      const end = text.lastIndexOf('\n\n')
      rest = text.slice(end + 2)
      const whole = text.slice(0, Math.max(0, end))
      seen.flows += whole.split(EVENT).length - 1
      for (const [, lost] of whole.matchAll(LOST)) seen.lost += Number(lost)
    }
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

const commandsOf = (fail: Fail) => ({
  /** Follows the flow log and asks for the counters, from now on. */
  async open(job: ViewerJob): Promise<void> {
    controller = new AbortController()
    await follow(job, controller.signal, fail)
  },

  close(): void {
    clearInterval(timer)
    controller?.abort()
  },

  /** What it has been shown. */
  seen(): { readonly flows: number; readonly lost: number } {
    return seen
  },
})

export type ViewerCommands = ReturnType<typeof commandsOf>

hostActor(commandsOf)
