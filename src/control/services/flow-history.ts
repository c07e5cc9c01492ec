import { messageTypeOf } from '../../abi/addr.js'
import type { FlowMeter } from '../../hypervisor/flow-meter.js'
import type { SeenFlow } from '../../policy/seen-flow.js'
import { FLOWS_PER_WRITE_MAX, type FlowStore } from '../../store/flow-store.js'
import type { Clock } from '../../util/clock.js'
import type { Log } from './log.js'
import { nextTurn } from './next-turn.js'

/** Writes in one call of `save`: a flood of new flows must not keep the daemon busy with them. */
const WRITES_PER_SAVE = 20
/** Removals in one call of `save`. */
const PRUNES_PER_SAVE = 20

/** Writes down what became of flows, a little at a time and only when there is something. */
export class FlowHistory {
  readonly #meter: FlowMeter
  readonly #store: FlowStore
  readonly #clock: Clock
  readonly #log: Log | undefined
  #saving: Promise<void> | undefined
  #hasFailed = false

  constructor(meter: FlowMeter, store: FlowStore, clock: Clock, log?: Log) {
    this.#meter = meter
    this.#store = store
    this.#clock = clock
    this.#log = log
  }

  /** Datagrams that are in no flow, since the start: there were too many flows at once. */
  get lost(): number {
    return this.#meter.lost
  }

  /** Bytes that the past takes on the disk. */
  bytes(): number {
    return this.#store.bytes()
  }

  /** Where another thread finds what was seen, until now, and from when on. */
  async past(backMs: number): Promise<{ readonly path: string; readonly since: number }> {
    await this.#saving
    // Not until nothing is left: flows that go on are counted again meanwhile.
    await this.save(Math.ceil(this.#meter.pending / FLOWS_PER_WRITE_MAX))
    return { path: this.#store.path, since: Math.max(0, this.#clock.now() - backMs) }
  }

  /**
   * Writes what was counted: now and then. Others get their turn after each hundred flows.
   * @param writes how many hundreds at most.
   */
  save(writes: number = WRITES_PER_SAVE): Promise<void> {
    this.#saving ??= this.#save(writes).finally(() => (this.#saving = undefined))
    return this.#saving
  }

  /** Writes all that was counted, and closes the file: when the daemon closes. */
  close(): void {
    while (this.#meter.pending > 0 && this.#write());
    this.#store.close()
  }

  async #save(writes: number): Promise<void> {
    if (this.#meter.pending === 0) return
    for (let i = 0; i < writes && this.#meter.pending > 0; i++) {
      if (!this.#write()) return
      await nextTurn()
    }
    for (let i = 0; i < PRUNES_PER_SAVE && this.#prune(); i++) await nextTurn()
  }

  #write(): boolean {
    const flows: SeenFlow[] = []
    for (const count of this.#meter.take(FLOWS_PER_WRITE_MAX)) {
      const type = messageTypeOf(count.type)
      // A message of another type never gets as far as to be counted.
      if (type !== undefined) flows.push({ ...count, destinationPort: count.port, type })
    }
    return this.#attempt(() => {
      this.#store.add(flows)
      return true
    })
  }

  #prune(): boolean {
    return this.#attempt(() => this.#store.prune(this.#clock.now()))
  }

  // What can't be written is lost: nothing hangs on it, and the disk is full often enough.
  #attempt(work: () => boolean): boolean {
    try {
      const outcome = work()
      this.#hasFailed = false
      return outcome
    } catch (error) {
      if (!this.#hasFailed) this.#log?.error({ err: error }, 'the flows could not be written')
      this.#hasFailed = true
      return false
    }
  }
}
