import { connect, type Batch, type Ring } from '../../../src/sdk/index.js'
import { SequenceCheck } from '../../parts/stamp.js'
import type { Door } from '../../protocol.js'
import { hostActor, type Fail } from '../actor.js'
import { SOCKET_ONLY } from '../socket-only.js'
import { SlowWork } from '../slow-work.js'

/** A domain that receives at one port. */
export interface SinkJob {
  readonly name: string
  readonly door: Door
  readonly port: number
  /** Bytes, or text such as `4MiB`. */
  readonly size: number | string
  readonly payloadBytes: number
  /** Domains whose datagrams must come complete and in order; all unless told. */
  readonly checked?: readonly string[] | undefined
}

export interface SinkCount {
  readonly atMs: number
  readonly datagrams: number
  /** By the domain that sent them. */
  readonly bySource: Readonly<Record<string, number>>
}

/** What came from one domain. */
interface Arrivals {
  readonly name: string
  readonly check: SequenceCheck | undefined
  count: number
}

class Sink {
  readonly #job: SinkJob
  readonly #fail: Fail
  /** By the number of the domain that sent. */
  readonly #arrivals: (Arrivals | undefined)[] = []
  readonly #work = new SlowWork()

  constructor(ring: Ring, job: SinkJob, fail: Fail) {
    this.#job = job
    this.#fail = fail
    this.#read(ring).catch((error: unknown) => fail(`${job.name} can't read: ${String(error)}`))
  }

  set perSecond(rate: number | undefined) {
    this.#work.perSecond = rate
  }

  count(): SinkCount {
    const bySource: Record<string, number> = {}
    let datagrams = 0
    for (const arrivals of this.#arrivals) {
      if (arrivals === undefined) continue
      bySource[arrivals.name] = arrivals.count
      datagrams += arrivals.count
    }
    return { atMs: performance.now(), datagrams, bySource }
  }

  async #read(ring: Ring): Promise<void> {
    for await (const batch of ring.batches()) this.#take(batch)
  }

  #take(batch: Batch): void {
    const { bytes, length } = batch
    for (let i = 0; i < length; i++) {
      const sourceId = batch.sourceId(i)
      const arrivals = this.#arrivals[sourceId] ?? this.#meet(sourceId, batch.source(i))
      arrivals.count++
      arrivals.check?.take(bytes, batch.start(i), batch.end(i))
      this.#work.did()
    }
  }

  #meet(sourceId: number, name: string): Arrivals {
    const { payloadBytes, checked } = this.#job
    const isChecked = checked?.includes(name) ?? true
    const check = isChecked ? new SequenceCheck(payloadBytes, 'stamp', this.#fail) : undefined
    const arrivals = { name, check, count: 0 }
    this.#arrivals[sourceId] = arrivals
    return arrivals
  }
}

const sinks = new Map<string, Sink>()

const commandsOf = (fail: Fail) => ({
  async attach(jobs: readonly SinkJob[]): Promise<void> {
    for (const job of jobs) {
      const { name, door, port, size } = job
      const domain = await connect({ ...door, ...SOCKET_ONLY, agent: 'v4vd bench sink' })
      const ring = await domain.bind(port, { size })
      ring.on('close', error => fail(`the ring of ${name} is gone: ${error?.message ?? 'closed'}`))
      sinks.set(name, new Sink(ring, job, fail))
    }
  },

  /** How many datagrams a sink works off each second from now on; no bound unless told. */
  setRate(name: string, perSecond?: number): void {
    sinks.get(name)!.perSecond = perSecond
  },

  counts(): Record<string, SinkCount> {
    return Object.fromEntries([...sinks].map(([name, sink]) => [name, sink.count()]))
  },
})

export type SinkCommands = ReturnType<typeof commandsOf>

hostActor(commandsOf)
