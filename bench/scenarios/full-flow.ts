import { setTimeout as sleep } from 'node:timers/promises'
import type { SinkCommands } from './actors/sinks.js'
import type { SourceCommands } from './actors/sources.js'
import type { BenchDaemon } from './bench-daemon.js'
import type { Actor } from './crew.js'
import { cpuUsBetween, measureRate } from './windows.js'

/** From the start of a flow to the window: queues fill, and what was done before has an end. */
const SETTLE_MS = 60
const PORT = 5000

/** What came of a flow in a window. */
export interface FlowWindow {
  readonly perSecond: number
  /** CPU time of the daemon for each datagram. */
  readonly cpuUs: number
}

/** The processes that flows go between. */
export interface FlowEnds {
  readonly sources: Actor<SourceCommands>
  readonly sinks: Actor<SinkCommands>
}

/** The rule that such a flow needs. */
export function fullFlowRule(payloadBytes: number): string {
  return `source-${payloadBytes}:* -> sink-${payloadBytes}:${PORT}`
}

/**
 * A flow over a daemon, from one domain to another, as fast as it goes (Unix socket, `trySend`,
 * `batches()`). It is at work only while it is measured, so that many can take turns.
 */
export class FullFlow {
  /** Of its source and its sink. */
  readonly name: string
  readonly #daemon: BenchDaemon
  readonly #ends: FlowEnds

  private constructor(daemon: BenchDaemon, ends: FlowEnds, name: string) {
    this.#daemon = daemon
    this.#ends = ends
    this.name = name
  }

  /**
   * Makes its two domains and attaches them.
   * @param key tells the daemon from others that the same processes are attached to.
   */
  static async open(
    daemon: BenchDaemon,
    key: string,
    ends: FlowEnds,
    payloadBytes: number,
  ): Promise<FullFlow> {
    const { sources, sinks } = ends
    const [from, to] = [`source-${payloadBytes}`, `sink-${payloadBytes}`]
    await daemon.addDomains([from, to])
    const flow = { name: `${key}-${payloadBytes}`, port: PORT, payloadBytes }
    await sinks.call('attach', [{ ...flow, door: daemon.door(to), size: '4MiB' }])
    const source = { ...flow, door: daemon.door(from), to: `${to}:${PORT}` }
    await sources.call('attach', [{ ...source, pace: { kind: 'full' } }])
    return new FullFlow(daemon, ends, flow.name)
  }

  /** @throws Error when nothing arrives. */
  async measure(seconds: number): Promise<FlowWindow> {
    const { sources, sinks } = this.#ends
    const { actor } = this.#daemon
    await sources.call('start', [this.name])
    await sleep(SETTLE_MS)
    const before = await actor.call('usage')
    const perSecond = await measureRate(sinks, seconds, this.name)
    const after = await actor.call('usage')
    await sources.call('stop', [this.name])
    if (perSecond === 0) throw new Error('no datagram arrived')
    return { perSecond, cpuUs: cpuUsBetween(before, after, perSecond) }
  }
}
