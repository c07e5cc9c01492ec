import { Doorbell, SleepWord } from '../abi/doorbell.js'
import { DownReader } from '../abi/down-queue.js'
import { FrameReader } from '../abi/frame-reader.js'
import { frameBytes, type FrameBytes } from '../abi/frame.js'
import { FRAME_BYTES_MAX } from '../abi/limits.js'
import {
  DOWN_QUEUE_BYTES,
  SHARED_WORD,
  type SharedLayout,
  type SharedMemory,
} from '../abi/shared-memory.js'
import { Poller, type Load, type Polling } from '../native/poller.js'
import type { ChunkPool } from './chunk.js'
import type { TransportReceiver } from './transport.js'
import { UpSender } from './up-sender.js'

/** So much is sent before the daemon is woken in the middle of a turn: that takes a while. */
const UNTOLD_BYTES_MAX = 512 * 1024

/** A segment, and how its client behaves. */
export interface SharedQueuesOptions {
  readonly memory: SharedMemory
  readonly layout: SharedLayout
  readonly polling: Polling
  readonly load: Load
  /** Wakes the daemon. */
  readonly ring: () => void
  readonly receiver: Pick<TransportReceiver, 'onBytes' | 'onDrain'>
  /** What the daemon wrote can't be. */
  readonly onProblem: (problem: string) => void
}

/** The client's end of the memory shared with the daemon. */
export class SharedQueues {
  readonly #options: SharedQueuesOptions
  readonly #up: UpSender
  readonly #down: DownReader
  readonly #reader: FrameReader
  readonly #sleepWord: SleepWord
  readonly #doorbell: Doorbell
  readonly #poller: Poller
  #isOver = false
  /** Bytes pushed since the daemon was awake or rung, as far as is known. */
  #untoldBytes = 0
  #isRingScheduled = false
  readonly #onTurnEnd = (): void => {
    this.#isRingScheduled = false
    if (!this.#isOver) this.#ringIfAsleep()
  }

  constructor(options: SharedQueuesOptions) {
    const { memory, layout, polling, load, receiver } = options
    this.#options = options
    this.#up = new UpSender(memory, layout)
    this.#down = new DownReader(memory)
    // Whole frames only, so that those of another way can come between them.
    this.#reader = new FrameReader(FRAME_BYTES_MAX, (source, at, length) => {
      receiver.onBytes(source, at, at + length)
      return undefined
    })
    this.#sleepWord = new SleepWord(memory, SHARED_WORD.CLIENT_SLEEPS)
    this.#doorbell = new Doorbell(memory, SHARED_WORD.DAEMON_SLEEPS)
    this.#poller = new Poller(
      polling,
      load,
      () => this.#look(),
      () => this.#sleep(),
    )
    this.#poller.stir()
  }

  get chunks(): ChunkPool {
    return this.#up.chunks
  }

  /** Something waits for the daemon to take what came before. */
  get isWaiting(): boolean {
    return this.#up.isWaiting
  }

  /** See Transport.send. */
  send(pieces: readonly Uint8Array[]): boolean {
    this.#up.send(pieces)
    for (const { length } of pieces) this.#untoldBytes += length
    if (this.#untoldBytes >= UNTOLD_BYTES_MAX) this.#ringIfAsleep()
    else this.#ringSoon()
    // Before it sleeps it looks once more, for room as well.
    if (this.#up.isWaiting) this.#poller.stir()
    else this.#poller.expect()
    if (this.#poller.isTurning) this.#sleepWord.wake()
    return !this.#up.isWaiting
  }

  /** The daemon has rung. */
  rung(): void {
    if (this.#isOver) return
    this.#sleepWord.wake()
    this.#look()
    this.#poller.stir()
  }

  /** A part of the ring arena. */
  memory(offset: number, bytes: number): FrameBytes | undefined {
    const { layout, memory } = this.#options
    if (offset < layout.ringsAt || offset + bytes > layout.bytes) return undefined
    return frameBytes(memory.bytes.subarray(offset, offset + bytes))
  }

  /** Deals with the last of what the daemon has written, and with nothing from then on. */
  end(): void {
    if (this.#isOver) return
    while (this.#take());
    this.#isOver = true
    this.#poller.stop()
  }

  /** @returns false when there was nothing to do. */
  #look(): boolean {
    const took = this.#take()
    if (!this.#up.isWaiting) return took
    const flushed = this.#up.flush()
    if (flushed) this.#ringIfAsleep()
    if (!this.#up.isWaiting) this.#options.receiver.onDrain()
    return took || flushed
  }

  /** Deals with frames, one queue's length at most. */
  #take(): boolean {
    const down = this.#down
    let taken = 0
    while (taken < DOWN_QUEUE_BYTES && !this.#isOver) {
      const bytes = down.read()
      if (bytes === 0) break
      const problem =
        bytes < 0
          ? 'the daemon says it has written more than there is room for'
          : this.#reader.push(this.#options.memory, down.start, down.end)
      if (problem !== undefined) {
        this.#isOver = true
        this.#options.onProblem(problem)
        break
      }
      down.done()
      taken += bytes
    }
    if (taken > 0 && down.isSpaceWanted) this.#ringIfAsleep()
    return taken > 0
  }

  #sleep(): boolean {
    this.#sleepWord.sleep()
    // What came before the daemon could know that it has to ring.
    if (!this.#look()) return true
    this.#sleepWord.wake()
    return false
  }

  /** At the end of the turn, so that what a busy client sends meanwhile takes one bell. */
  #ringSoon(): void {
    if (this.#isRingScheduled) return
    this.#isRingScheduled = true
    process.nextTick(this.#onTurnEnd)
  }

  #ringIfAsleep(): void {
    this.#untoldBytes = 0
    if (this.#doorbell.mustRing()) this.#options.ring()
  }
}
