import { FrameReader } from '../abi/frame-reader.js'
import { FRAME, frameType, type FrameBytes } from '../abi/frame.js'
import { FRAME_BYTES_MAX } from '../abi/limits.js'
import { encodeBell, encodeMapped } from '../abi/share-frame.js'
import type { Native } from '../native/native.js'
import type { Load, Polling } from '../native/poller.js'
import type { ChunkPool } from './chunk.js'
import type { Segment } from './segment.js'
import { SharedQueues } from './shared-queues.js'
import type { Transport, TransportReceiver } from './transport.js'
import { UnixTransport } from './unix-transport.js'

const BELL = [encodeBell()]

/**
 * Frames over a Unix socket, until there is memory shared with the daemon: then over that, and the
 * socket carries doorbells and tells of the daemon's end.
 */
export class SharedTransport implements Transport {
  readonly load: Load
  readonly #socket: UnixTransport
  #receiver: TransportReceiver | undefined
  #queues: SharedQueues | undefined
  #segment: Segment | undefined
  #isEnding = false
  #problem: Error | undefined
  /** Whole frames only, so that the last of the socket's can come between those of the memory. */
  readonly #reader = new FrameReader(FRAME_BYTES_MAX, (source, at, length) => {
    if (frameType(source.view, at) !== FRAME.BELL) this.#receiver!.onBytes(source, at, at + length)
    return undefined
  })

  /** See UnixTransport. */
  constructor(path: string, native?: Native) {
    this.#socket = new UnixTransport(path, native)
    this.load = this.#socket.load
  }

  get kind(): 'unix' | 'shared-memory' {
    return this.#queues === undefined ? 'unix' : 'shared-memory'
  }

  get chunks(): ChunkPool | undefined {
    return this.#queues?.chunks
  }

  start(receiver: TransportReceiver): void {
    this.#receiver = receiver
    this.#socket.start({
      onBytes: (source, start, end) => this.#onBytes(source, start, end),
      onDrain: () => receiver.onDrain(),
      onClose: error => {
        this.#queues?.end()
        receiver.onClose(this.#problem ?? error)
      },
    })
  }

  /**
   * Takes the daemon's offer to share memory.
   * @param requestId of the offer.
   * @param segment undefined where it can't be used: all goes on over the socket.
   */
  share(requestId: number, segment: Segment | undefined, polling: Polling): void {
    this.#socket.send([encodeMapped(requestId, segment !== undefined)])
    if (segment === undefined) return
    const receiver = this.#receiver!
    this.#segment = segment
    this.#queues = new SharedQueues({
      memory: segment.memory,
      layout: segment.layout,
      polling,
      load: this.load,
      ring: () => this.#socket.send(BELL),
      receiver: {
        onBytes: (source, start, end) => receiver.onBytes(source, start, end),
        onDrain: () => this.#onDrain(),
      },
      onProblem: problem => this.#fail(problem),
    })
  }

  /** What a session does that stays on its socket: see UnixTransport. */
  poll(polling: Polling): void {
    this.#socket.poll(polling)
  }

  send(pieces: readonly Uint8Array[]): boolean {
    return (this.#queues ?? this.#socket).send(pieces)
  }

  memory(offset: number, bytes: number): FrameBytes | undefined {
    return this.#queues?.memory(offset, bytes)
  }

  close(): void {
    this.#isEnding = true
    if (this.#queues?.isWaiting !== true) this.#socket.close()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  release(): void {
    this.#segment?.release()
  }

  #onBytes(source: FrameBytes, start: number, end: number): void {
    const problem = this.#reader.push(source, start, end)
    if (problem !== undefined) this.#fail(problem)
    else this.#queues?.rung()
  }

  #onDrain(): void {
    this.#receiver!.onDrain()
    if (this.#isEnding && this.#queues?.isWaiting !== true) this.#socket.close()
  }

  /** The daemon does not keep to the protocol, or to what this version knows of it. */
  #fail(problem: string): void {
    this.#problem = new Error(problem)
    this.#socket.destroy()
  }
}
