import { hostActor } from '../actor.js'
import { policyRequests, type ApiRequests } from '../policy-requests.js'

/** What an admin asks a daemon. */
export interface AdminJob {
  readonly url: string
  readonly token: string
  /** See `policyRequests`. */
  readonly rules: number
  readonly last: string
}

let job: AdminJob
let requests: readonly ApiRequests[] = []

const commands = {
  /** @returns the titles of what can be asked. */
  start(given: AdminJob): string[] {
    job = given
    requests = policyRequests(job.rules, job.last)
    return requests.map(({ title }) => title)
  },

  /** Asks, and waits for all of the answer. @returns how long that took, in milliseconds. */
  async ask(kind: number, number: number): Promise<number> {
    const { method, path, body = null } = requests[kind]!.at(number)
    const headers = { authorization: `Bearer ${job.token}`, 'content-type': 'application/json' }
    const startedAt = performance.now()
    const response = await fetch(`${job.url}${path}`, { method, headers, body })
    if (!response.ok) throw new Error(`${method} ${path}: ${await response.text()}`)
    await response.arrayBuffer()
    return performance.now() - startedAt
  },
}

export type AdminCommands = typeof commands

hostActor(() => commands)
