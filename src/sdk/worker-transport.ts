import type { MessagePort } from 'node:worker_threads'
import { sharedLayoutOf, sharedMemory, type SharedLayout } from '../abi/shared-memory.js'
import type { FrameBytes } from '../abi/frame.js'
import type { Load, Polling } from '../native/poller.js'
import type { ChunkPool } from './chunk.js'
import { V4vError } from './errors.js'
import { SharedQueues } from './shared-queues.js'
import type { Transport, TransportReceiver } from './transport.js'

/**
 * A worker's way to a daemon in the same process: made by the daemon's `attachWorker`, given to
 * the worker by `workerData` or `postMessage` (with the port in the list of what is transferred),
 * and there to `connect`.
 */
export interface WorkerEnd {
  /** Each message is a doorbell, and nothing else. */
  readonly port: MessagePort
  readonly memory: SharedArrayBuffer
  /** How many of the memory's chunks there are. */
  readonly chunks: number
}

/** Frames over memory that a worker shares with the daemon's thread. */
export class WorkerTransport implements Transport {
  readonly kind = 'shared-memory'
  readonly load: Load = { messages: 0 }
  readonly #port: MessagePort
  readonly #bytes: Uint8Array
  readonly #layout: SharedLayout
  readonly #polling: Polling
  #queues: SharedQueues | undefined
  #isEnding = false
  #isClosed = false
  #problem: Error | undefined

  /** @throws V4vError EINVAL when the end is none of this version. */
  constructor(end: WorkerEnd, polling: Polling) {
    const layout = sharedLayoutOf(end.memory.byteLength, end.chunks)
    if (layout === undefined) {
      throw new V4vError('EINVAL', 'the end for a worker has no known layout')
    }
    this.#port = end.port
    this.#bytes = new Uint8Array(end.memory)
    this.#layout = layout
    this.#polling = polling
  }

  get chunks(): ChunkPool | undefined {
    return this.#queues?.chunks
  }

  start(receiver: TransportReceiver): void {
    const port = this.#port
    const queues = new SharedQueues({
      memory: sharedMemory(this.#bytes),
      layout: this.#layout,
      polling: this.#polling,
      load: this.load,
      ring: () => port.postMessage(undefined),
      receiver: {
        onBytes: (source, start, end) => receiver.onBytes(source, start, end),
        onDrain: () => {
          receiver.onDrain()
          if (this.#isEnding && !queues.isWaiting) port.close()
        },
      },
      onProblem: problem => {
        this.#problem = new Error(problem)
        port.close()
      },
    })
    this.#queues = queues
    port.on('message', () => queues.rung())
    port.on('close', () => {
      if (this.#isClosed) return
      this.#isClosed = true
      queues.end()
      receiver.onClose(this.#problem)
    })
  }

  send(pieces: readonly Uint8Array[]): boolean {
    return this.#queues!.send(pieces)
  }

  memory(offset: number, bytes: number): FrameBytes | undefined {
    return this.#queues?.memory(offset, bytes)
  }

  close(): void {
    this.#isEnding = true
    if (this.#queues?.isWaiting !== true) this.#port.close()
  }

  destroy(): void {
    this.#port.close()
  }
}
