import { performance } from 'node:perf_hooks'
import type { Batch } from '../sdk/batch.js'
import type { Ring } from '../sdk/ring.js'
import type { DatagramSink } from './datagram-sink.js'
import { errorText } from './fail.js'

/** A ring this long without anything new is taken to be drained. */
const QUIET_MS = 100
/** A ring that never gets quiet is not waited for longer. */
const DRAIN_MS_MAX = 2_000

export interface ListenerOptions {
  /** End after so many datagrams; undefined for no end. */
  readonly count?: number | undefined
  /** Also send each datagram back to where it came from. */
  readonly echo: boolean
}

/**
 * Reads a ring into a sink until so many datagrams have come, SIGINT or SIGTERM. After the signal
 * what has arrived is still read: the daemon sends a ring's content as it comes, so a while
 * without news means that there is no more. A second signal ends the process at once.
 */
export class Listener {
  readonly #ring: Ring
  readonly #options: ListenerOptions
  #taken = 0
  #failedEchoes = 0
  #echoFailure = ''
  /** Since when nothing has come; undefined while a batch is being dealt with. */
  #quietSince: number | undefined
  #drainUntil: number | undefined

  constructor(ring: Ring, options: ListenerOptions) {
    this.#ring = ring
    this.#options = options
  }

  /** Datagrams that could not be sent back. */
  get failedEchoes(): number {
    return this.#failedEchoes
  }

  /** Why the last of them could not. */
  get echoFailure(): string {
    return this.#echoFailure
  }

  /**
   * Reads to the end and flushes the sink.
   * @throws what the ring was lost with; what the sink throws.
   */
  async run(sink: DatagramSink): Promise<void> {
    process.on('SIGINT', this.#onSignal)
    process.on('SIGTERM', this.#onSignal)
    try {
      await this.#read(sink)
    } finally {
      process.off('SIGINT', this.#onSignal)
      process.off('SIGTERM', this.#onSignal)
    }
    await sink.end()
  }

  async #read(sink: DatagramSink): Promise<void> {
    const max = this.#options.count ?? Infinity
    this.#quietSince = performance.now()
    for await (const batch of this.#ring.batches()) {
      this.#quietSince = undefined
      const count = Math.min(batch.length, max - this.#taken)
      this.#taken += count
      await Promise.all([sink.take(batch, count), this.#options.echo && this.#echo(batch, count)])
      if (this.#taken >= max) return
      this.#quietSince = performance.now()
    }
  }

  async #echo(batch: Batch, count: number): Promise<void> {
    const echoes: Promise<void>[] = []
    for (let i = 0; i < count; i++) {
      const to = { domain: batch.source(i), port: batch.sourcePort(i) }
      echoes.push(
        this.#ring.send(to, batch.data(i)).catch((error: unknown) => {
          this.#failedEchoes++
          this.#echoFailure = errorText(error)
        }),
      )
    }
    await Promise.all(echoes)
  }

  readonly #onSignal = (signal: NodeJS.Signals): void => {
    if (this.#drainUntil !== undefined) process.exit(signal === 'SIGINT' ? 130 : 143)
    this.#drainUntil = performance.now() + DRAIN_MS_MAX
    this.#closeWhenQuiet()
  }

  #closeWhenQuiet(): void {
    const now = performance.now()
    const isQuiet = this.#quietSince !== undefined && now - this.#quietSince >= QUIET_MS
    // A batch that is being dealt with is never cut short: its end is what is waited for.
    const isLate = this.#quietSince !== undefined && now >= this.#drainUntil!
    if (isQuiet || isLate) {
      // The reader comes to its end; if the ring was lost meanwhile, that is what it is told.
      this.#ring.close().catch(() => undefined)
    } else {
      setTimeout(() => this.#closeWhenQuiet(), QUIET_MS / 4)
    }
  }
}
