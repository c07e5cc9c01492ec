import { EventStream } from './event-stream.js'
import { isWanted, type FlowFilter } from './flow-filter.js'
import { flowView, type FlowLog } from './flow-log.js'

/** Characters that are written at a time: about what a stream holds before it asks to wait. */
const PART_CHARS = 16 * 1024

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
export class FlowStream extends EventStream {
  readonly #log: FlowLog
  readonly #options: FlowStreamOptions
  #nextSeq: number

  constructor(log: FlowLog, options: FlowStreamOptions) {
    super(options.isAllowed)
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
    if (!this.follow(this.#log.watch(() => this.fill()))) return false
    this.push(': the flow log follows\n\n') // so that a viewer of a quiet log sees it is there
    return true
  }

  protected override fill(): void {
    while (this.isWanted && this.#nextSeq < this.#log.nextSeq) {
      const text = this.#part()
      if (text !== '') this.send(text)
    }
    if (this.isWanted && !this.#options.follow) this.finish()
  }

  // Each write has its price, for the daemon and for the viewer that it wakes.
  #part(): string {
    const log = this.#log
    let text = ''
    while (text.length < PART_CHARS && this.#nextSeq < log.nextSeq) {
      const missed = log.oldestSeq - this.#nextSeq
      if (missed > 0) {
        this.#nextSeq = log.oldestSeq
        text += `event: lost\ndata: lost=${missed}\n\n`
        continue
      }
      const entry = log.at(this.#nextSeq++)
      if (entry === undefined || !isWanted(entry.record, this.#options.filter ?? {})) continue
      text += `event: flow\nid: ${entry.seq}\ndata: ${JSON.stringify(flowView(entry))}\n\n`
    }
    return text
  }
}
