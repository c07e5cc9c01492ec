import { disconnectView, type DisconnectFilter, type DisconnectLog } from './disconnect-log.js'
import { EventStream } from './event-stream.js'

export interface DisconnectStreamOptions {
  readonly filter: DisconnectFilter
  /** Entries up to this seq are not shown. */
  readonly afterSeq: number
  /** Asked every second: the stream ends once it says no, or throws. */
  readonly isAllowed: () => boolean
}

/**
 * Ends of sessions as server-sent events: `disconnect` with an entry, its seq as id, again whenever
 * it counts more; `lost` when entries gave way to others before this viewer took them. It holds no
 * entry of its own, only its place.
 */
export class DisconnectStream extends EventStream {
  readonly #log: DisconnectLog
  readonly #filter: DisconnectFilter
  #seq: number

  constructor(log: DisconnectLog, { filter, afterSeq, isAllowed }: DisconnectStreamOptions) {
    super(isAllowed)
    this.#log = log
    this.#filter = filter
    this.#seq = afterSeq
  }

  /** Starts to follow. @returns false when there are too many viewers. */
  start(): boolean {
    // What was lost before now is nothing that this viewer missed.
    this.#seq = Math.max(this.#seq, this.#log.lostSeq)
    if (!this.follow(this.#log.watch(() => this.fill()))) return false
    this.push(': ends of sessions follow\n\n') // so that a viewer of a quiet log sees it is there
    return true
  }

  /** Ends the stream behind what there is to say: that the daemon goes down is part of it. */
  override finish(): void {
    this.fill()
    super.finish()
  }

  protected override fill(): void {
    if (!this.isWanted || !this.isFollowing) return
    if (this.#log.lostSeq > this.#seq) {
      this.#seq = this.#log.lostSeq
      this.send('event: lost\ndata: some entries gave way to others\n\n')
    }
    for (const entry of this.#log.after(this.#seq, this.#filter)) {
      if (!this.isWanted) return
      this.#seq = entry.seq
      const data = JSON.stringify(disconnectView(entry))
      this.send(`event: disconnect\nid: ${entry.seq}\ndata: ${data}\n\n`)
    }
  }
}
