import { connect } from '../../../src/sdk/index.js'
import type { Door } from '../../protocol.js'
import { spreadOf } from '../../statistics.js'
import { hostActor, type Fail } from '../actor.js'
import { FLOW_LOG, FlowEvents, type FlowLogPlace } from '../flow-events.js'
import { SOCKET_ONLY } from '../socket-only.js'

const INTERVAL_MS = 100
const OWN_PORT = 5000
/** Each datagram goes to another port, so that it is another flow. */
const FIRST_PORT = 6_000
/** Nobody is there, so all are refused; that is an event as any other. */
const TO = 'nobody'

/** By port: when the datagram was sent. */
const sent = new Map<number, number>()
const tookMs: number[] = []

/** Takes the time until events are seen. */
const commandsOf = (fail: Fail) => ({
  async start({ url, token, door }: FlowLogPlace & { readonly door: Door }): Promise<void> {
    const headers = { authorization: `Bearer ${token}` }
    const response = await fetch(`${url}${FLOW_LOG}`, { headers })
    if (!response.ok) throw new Error(`/v1/flows: ${response.status} ${await response.text()}`)
    const events = new FlowEvents(text => {
      const port = Number(new RegExp(`"destination":"${TO}:([0-9]+)"`).exec(text)?.[1])
      const sentMs = sent.get(port)
      if (sentMs === undefined) return
      sent.delete(port)
      tookMs.push(performance.now() - sentMs)
    })
    const read = async (): Promise<void> => {
      for await (const chunk of response.body!) events.push(chunk as Uint8Array)
    }
    read().catch((error: unknown) => fail(`the flow log ended: ${String(error)}`))
    const domain = await connect({ ...door, ...SOCKET_ONLY, agent: 'v4vd bench prober' })
    const ring = await domain.bind(OWN_PORT, { size: '4KiB' })
    let port = FIRST_PORT
    setInterval(() => {
      sent.set(port, performance.now())
      ring.trySend(`${TO}:${port++}`, new Uint8Array(16))
    }, INTERVAL_MS)
  },

  /** How long it took until events were there; those that are not yet count as of now. */
  visible(): { readonly p50Ms: number; readonly maxMs: number } {
    const now = performance.now()
    const { median, max } = spreadOf([...tookMs, ...[...sent.values()].map(ms => now - ms)])
    return { p50Ms: median, maxMs: max }
  },
})

export type ProberCommands = ReturnType<typeof commandsOf>

hostActor(commandsOf)
