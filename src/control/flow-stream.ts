import { Readable } from 'node:stream'
import { isWanted, type FlowFilter } from './flow-filter.js'
import { flowView, type FlowLog } from './flow-log.js'

const TICK_MS = 1_000
const TICKS_PER_HEARTBEAT = 15

export interface FlowStreamOptions {
  /** Which records to show; all of them when left out. */
  readonly filter?: FlowFilter | undefined
  /** The first record to show. */
  readonly fromSeq: number
  /** Wait for records to come; otherwise end with the last one there is. */
  readonly follow: boolean
  /** Asked every second while following: the stream ends once it says no, or throws. */
  readonly isAllowed: () => boolean
}

/**
 * The flow log as server-sent events: `flow` with a record, its seq as id; `lost` with `lost=n`
 * when n records were overwritten before this viewer took them. It holds no records of its own,
 * only its place in the log and what the socket has not taken yet.
 */
export class FlowStream extends Readable {
  readonly #log: FlowLog
  readonly #options: FlowStreamOptions
  #nextSeq: number
  #isWanted = false
  #ticks = 0
  #unwatch: (() => void) | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(log: FlowLog, options: FlowStreamOptions) {
    super({ encoding: 'utf8' })
    this.#log = log
    this.#options = options
    this.#nextSeq = options.fromSeq
  }

  /**
   * Starts to follow the log, as far as that was asked for.
   * @returns false when the log has too many viewers.
   */
  start(): boolean {
    if (!this.#options.follow) return true
    this.#unwatch = this.#log.watch(() => this.#fill())
    if (this.#unwatch === undefined) return false
    this.#timer = setInterval(() => this.#tick(), TICK_MS)
    this.#timer.unref()
    this.push(': the flow log follows\n\n') // so that a viewer of a quiet log sees it is there
    return true
  }

  /** Ends the stream for its viewer. */
  finish(): void {
    this.#stop()
    if (!this.destroyed && !this.readableEnded) this.push(null)
  }

  override _read(): void {
    this.#isWanted = true
    this.#fill()
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#stop()
    callback(error)
  }

  #fill(): void {
    const log = this.#log
    while (this.#isWanted && this.#nextSeq < log.nextSeq) {
      const missed = log.oldestSeq - this.#nextSeq
      if (missed > 0) {
        this.#nextSeq = log.oldestSeq
        this.#isWanted = this.push(`event: lost\ndata: lost=${missed}\n\n`)
        continue
      }
      const entry = log.at(this.#nextSeq++)
      if (entry === undefined || !isWanted(entry.record, this.#options.filter ?? {})) continue
      const data = JSON.stringify(flowView(entry))
      this.#isWanted = this.push(`event: flow\nid: ${entry.seq}\ndata: ${data}\n\n`)
    }
    if (this.#isWanted && !this.#options.follow) this.finish()
  }

  #tick(): void {
    if (!this.#isAllowed()) {
      this.finish()
      return
    }
    this.#ticks++
    if (this.#isWanted && this.#ticks % TICKS_PER_HEARTBEAT === 0) {
      this.#isWanted = this.push(':\n\n')
    }
  }

  // A store that can't say whether the token still holds doesn't say that it does.
  #isAllowed(): boolean {
    try {
      return this.#options.isAllowed()
    } catch {
      return false
    }
  }

  #stop(): void {
    this.#unwatch?.()
    this.#unwatch = undefined
    clearInterval(this.#timer)
  }
}
